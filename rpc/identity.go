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

// Identity is a device's Ed25519 key. The gateway knows the device by the hash
// of its public key, so the key is created once and kept for ever (K1).
type Identity struct {
	key ed25519.PrivateKey
}

// NewIdentity creates an identity that is not kept.
func NewIdentity() (*Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Identity{key: key}, nil
}

// LoadReport says what LoadOrCreateIdentity had to do.
type LoadReport struct {
	Created    bool   // there was no usable identity, a new one was made
	MovedAside string // where the corrupt file was moved to; empty: there was none
	Corrupt    error  // what was wrong with it
}

// LoadOrCreateIdentity reads the identity file at path, a PKCS #8 key in PEM,
// or creates it with mode 0600. A corrupt file is moved aside, reported and
// replaced (B3). One that cannot be read, or that others can read, is left
// alone: the error says what to do.
func LoadOrCreateIdentity(path string) (*Identity, LoadReport, error) {
	var report LoadReport
	id, err := loadIdentity(path)
	var corrupt *corruptError
	switch {
	case err == nil:
		return id, report, nil
	case errors.As(err, &corrupt):
		report.Corrupt = err
		if report.MovedAside, err = moveAside(path); err != nil {
			return nil, report, fmt.Errorf("identity: %w, and it cannot be moved aside: %w", report.Corrupt, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, report, fmt.Errorf("identity: %w", err)
	}
	if id, err = createIdentity(path); err != nil {
		return nil, report, fmt.Errorf("identity: %w", err)
	}
	report.Created = true
	return id, report, nil
}

// corruptError says that an identity file was read, but holds no identity.
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

// createIdentity makes a new identity, unless another process is faster: then
// that one's is the one.
func createIdentity(path string) (*Identity, error) {
	id, err := NewIdentity()
	if err != nil {
		return nil, err
	}
	encoded, err := id.encode()
	if err != nil {
		return nil, err
	}
	if err := writePrivate(path, encoded, false); errors.Is(err, fs.ErrExist) {
		return loadIdentity(path)
	} else if err != nil {
		return nil, err
	}
	return id, nil
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

// secret is the private key as it stands in the identity file.
func (id *Identity) secret() string {
	encoded, err := id.encode()
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(encoded)
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

func (id *Identity) publicKey() ed25519.PublicKey { return id.key.Public().(ed25519.PublicKey) }

// DeviceID is the SHA-256 of the raw public key in hex: the gateway's name for this device.
func (id *Identity) DeviceID() string {
	sum := sha256.Sum256(id.publicKey())
	return hex.EncodeToString(sum[:])
}

// String names the device, never the key.
func (id *Identity) String() string { return "device " + id.DeviceID() }

// GoString keeps the key out of %#v.
func (id *Identity) GoString() string { return id.String() }

// signatureFormat is the layout of what is signed. All measured gateways take
// both; v2 is kept for one that takes only that.
type signatureFormat string

const (
	signatureV2 signatureFormat = "v2"
	signatureV3 signatureFormat = "v3" // v2 and platform, deviceFamily
)

// deviceProof is the device part of connect.
type deviceProof struct {
	ID        string `json:"id"`
	PublicKey string `json:"publicKey"`
	Signature string `json:"signature"`
	SignedAt  int64  `json:"signedAt"`
	Nonce     string `json:"nonce"`
}

// prove signs the challenge. It is dated with the gateway's own clock, so that
// a wrong local clock does not matter.
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

// normalized is how the gateway writes platform and device family before it checks the signature.
func normalized(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
