package rpc

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// Identity is the Ed25519 key of a device. The gateway knows a device by the hash of
// its public key, so a program makes the key once and keeps it. The zero Identity has
// no key: Dial refuses it, and its DeviceID is empty.
type Identity struct {
	key ed25519.PrivateKey
}

// NewIdentity makes a new identity in memory. The gateway will see a new device.
func NewIdentity() (*Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Identity{key: key}, nil
}

// LoadReport says what [LoadOrCreateIdentity] had to do. It is zero when the identity
// was there, also when another process has just made it.
type LoadReport struct {
	Created    bool   // this call has made a new identity
	MovedAside string // path to which this call has moved a corrupt file; empty when there was none
	Corrupt    error  // what was wrong with that file
}

// LoadOrCreateIdentity reads the identity file at path, which holds a PKCS #8 key in
// PEM, or creates it with mode 0600. A corrupt file is moved aside, reported and
// replaced. A file that cannot be read, or that other users can read (then the error
// wraps a [*PermissionError]), is left as it is. When several processes do this at
// once, one of them creates the file, and all return the same identity.
func LoadOrCreateIdentity(path string) (*Identity, LoadReport, error) {
	id, err := loadIdentity(path)
	if err == nil {
		return id, LoadReport{}, nil
	}
	if !replaceable(err) {
		return nil, LoadReport{}, fmt.Errorf("identity: %w", err)
	}
	var report LoadReport
	err = withLock(path, func() (err error) {
		id, report, err = replaceIdentity(path)
		return err
	})
	if err != nil {
		return nil, report, fmt.Errorf("identity: %w", err)
	}
	return id, report, nil
}

// replaceable reports whether a new file is the remedy for err.
func replaceable(err error) bool {
	var corrupt *corruptError
	return errors.As(err, &corrupt) || errors.Is(err, fs.ErrNotExist)
}

// replaceIdentity reads the file again, because another process may have made it
// meanwhile, and otherwise makes a new one. The caller holds the lock of path.
func replaceIdentity(path string) (id *Identity, report LoadReport, err error) {
	id, err = loadIdentity(path)
	if err == nil || !replaceable(err) {
		return id, report, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		report.Corrupt = err
		if report.MovedAside, err = moveAside(path); err != nil {
			return nil, report, fmt.Errorf("%w, and it cannot be moved aside: %w", report.Corrupt, err)
		}
	}
	id, report.Created, err = createIdentity(path)
	return id, report, err
}

// corruptError says that an identity file can be read, but holds no identity.
type corruptError struct {
	path string
	err  error
}

func (e *corruptError) Error() string { return e.path + " is corrupt: " + e.err.Error() }

func loadIdentity(path string) (*Identity, error) {
	raw, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	id, err := parseIdentity(raw)
	if err != nil {
		return nil, &corruptError{path, err}
	}
	return id, nil
}

// createIdentity makes a new identity file. When a process that does not use the lock
// has made one at the same moment, it reads that one.
func createIdentity(path string) (id *Identity, created bool, err error) {
	if id, err = NewIdentity(); err != nil {
		return nil, false, err
	}
	encoded, err := id.encode()
	if err != nil {
		return nil, false, err
	}
	err = writePrivate(path, encoded, false)
	if errors.Is(err, fs.ErrExist) {
		id, err = loadIdentity(path)
		return id, false, err
	}
	return id, err == nil, err
}

const pemType = "PRIVATE KEY"

func (id *Identity) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

func parseIdentity(raw []byte) (*Identity, error) {
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != pemType {
		return nil, errors.New("no private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	return &Identity{key: key}, nil
}

// moveAside renames path to a free name beside it and returns that.
func moveAside(path string) (string, error) {
	aside := path + ".corrupt-" + strconv.FormatInt(time.Now().UnixNano(), 10)
	return aside, os.Rename(path, aside)
}

// usable reports whether the identity has a key.
func (id *Identity) usable() bool { return id != nil && len(id.key) == ed25519.PrivateKeySize }

// secret is the private key as the identity file holds it, for the redactor.
func (id *Identity) secret() string {
	encoded, err := id.encode()
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(encoded)
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

func (id *Identity) publicKey() ed25519.PublicKey { return id.key.Public().(ed25519.PublicKey) }

// DeviceID is the gateway's name for this device: the SHA-256 of the raw public key, in
// hexadecimal. It is no secret.
func (id *Identity) DeviceID() string {
	if !id.usable() {
		return ""
	}
	sum := sha256.Sum256(id.publicKey())
	return hex.EncodeToString(sum[:])
}

// String names the device and does not show the key.
func (id *Identity) String() string { return "device " + id.DeviceID() }

// GoString keeps the key out of %#v.
func (id *Identity) GoString() string { return id.String() }

// signatureFormat says which values are signed. All measured gateways accept both
// formats; v2 is here for a gateway that accepts only v2.
type signatureFormat string

const (
	signatureV2 signatureFormat = "v2"
	signatureV3 signatureFormat = "v3" // the values of v2, then platform and deviceFamily
)

// deviceProof is the field device of a connect request.
type deviceProof struct {
	ID        string `json:"id"`
	PublicKey string `json:"publicKey"`
	Signature string `json:"signature"`
	SignedAt  int64  `json:"signedAt"`
	Nonce     string `json:"nonce"`
}

// prove signs the challenge. The signature bears the time of the gateway's clock, as the
// challenge tells it, so that a wrong clock on this machine does not matter.
func (id *Identity) prove(format signatureFormat, who ClientInfo, token string, c challenge) deviceProof {
	proof := deviceProof{
		ID:        id.DeviceID(),
		PublicKey: base64.RawURLEncoding.EncodeToString(id.publicKey()),
		SignedAt:  int64(c.TS),
		Nonce:     c.Nonce,
	}
	if proof.SignedAt <= 0 {
		proof.SignedAt = time.Now().UnixMilli()
	}
	parts := []string{string(format), proof.ID, who.ID, who.Mode, who.Role, strings.Join(who.Scopes, ","),
		strconv.FormatInt(proof.SignedAt, 10), token, c.Nonce}
	if format == signatureV3 {
		parts = append(parts, normalized(who.Platform), normalized(who.DeviceFamily))
	}
	signature := ed25519.Sign(id.key, []byte(strings.Join(parts, "|")))
	proof.Signature = base64.RawURLEncoding.EncodeToString(signature)
	return proof
}

// normalized writes platform and device family as the gateway does before it checks the
// signature.
func normalized(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
