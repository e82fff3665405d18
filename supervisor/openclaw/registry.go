package openclaw

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

const (
	// maxMetadata limits the size of a package's description; that of npm, with all
	// versions, has 3 MB.
	maxMetadata = 64 << 20
	// maxTarball limits the size of one package; Node's has 60 MB.
	maxTarball = 512 << 20
	// stallLimit is how long a download may receive nothing.
	stallLimit = 60 * time.Second
	// progressStep is the number of bytes between two progress reports.
	progressStep = 256 << 10
)

// retryDelays are the waits before further tries of a request that failed in the network.
// The first is 0, because after a proxy has cut a connection, a new one usually works at
// once.
var retryDelays = []time.Duration{0, 1 * time.Second, 4 * time.Second}

// registry fetches packages with the user's npm settings.
type registry struct {
	base     string
	settings npmSettings
	http     *http.Client
	delays   []time.Duration
	pinned   map[string]string // integrity by NAME@VERSION; has priority over the registry's answers
}

// dist is the address of a package's version and its hash.
type dist struct {
	Tarball   string `json:"tarball"`
	Integrity string `json:"integrity"`
}

// manifest is the part of the description of a version that we need.
type manifest struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Dist    dist   `json:"dist"`
	Engines struct {
		Node string `json:"node"`
	} `json:"engines"`
}

// packument is the description of a package with all its versions.
type packument struct {
	Tags     map[string]string   `json:"dist-tags"`
	Versions map[string]manifest `json:"versions"`
}

func (r registry) describeAll(ctx context.Context, name string) (p packument, err error) {
	err = r.getJSON(ctx, r.base+name, "application/vnd.npm.install-v1+json, application/json", &p)
	return p, err
}

// newest returns the newest release of a package for which fits returns true.
func (r registry) newest(ctx context.Context, name string, fits func(version string) bool) (string, error) {
	p, err := r.describeAll(ctx, name)
	if err != nil {
		return "", err
	}
	for _, version := range slices.SortedFunc(maps.Keys(p.Versions), newerFirst) {
		if sound(version) && !strings.Contains(version, "-") && fits(version) {
			return version, nil
		}
	}
	return "", failed(NotFound, "the registry %s has no %s that fits", shown(r.base), name)
}

// describe fetches the description of one version of a package, or of the version that a
// tag like "latest" names.
func (r registry) describe(ctx context.Context, name, version string) (manifest, error) {
	var m manifest
	err := r.getJSON(ctx, r.base+name+"/"+version, "application/json", &m)
	if kindOf(err) == NotFound && err != nil {
		// Some company registries have descriptions of whole packages only.
		var whole packument
		if whole, err = r.describeAll(ctx, name); err != nil {
			return m, err
		}
		var ok bool
		if m, ok = whole.Versions[cmp.Or(whole.Tags[version], version)]; !ok {
			return m, failed(NotFound, "the registry %s has no %s %s", shown(r.base), name, version)
		}
	}
	if err == nil && (m.Name != name || !sound(m.Version) || m.Dist.Tarball == "") {
		err = failed(BadRegistry, "the registry %s described another package than %s %s", shown(r.base), name, version)
	}
	return m, err
}

// maxVersion is the longest version that is accepted, in characters.
const maxVersion = 64

// sound reports whether a version from the registry is valid. It becomes part of folder
// names, of npm's arguments and of messages.
func sound(version string) bool {
	_, err := semver.StrictNewVersion(version)
	return err == nil && len(version) <= maxVersion
}

func (r registry) getJSON(ctx context.Context, address, accept string, into any) error {
	return r.retry(ctx, func() error {
		ctx, cancel := context.WithTimeoutCause(ctx, answerLimit, errSlow)
		defer cancel()
		resp, err := r.get(ctx, address, http.Header{"Accept": {accept}}, sameOriginOnly)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return statusError(resp)
		}
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxMetadata+1))
		if err != nil {
			return transport{kinded{Offline, cmp.Or(context.Cause(ctx), err)}}
		}
		if len(raw) > maxMetadata {
			return failed(BadRegistry, "the registry's answer for %s is too large", shown(address))
		}
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(into); err != nil {
			return failed(BadRegistry, "the registry's answer for %s is not JSON (%w)", shown(address), err)
		}
		return nil
	})
}

var errSlow = fmt.Errorf("the registry did not answer within %v", answerLimit)

// transport marks an error of the network, after which another try makes sense.
type transport struct{ error }

func (t transport) Unwrap() error { return t.error }

func statusError(resp *http.Response) error {
	kind := statusKind(resp.StatusCode)
	err := failed(kind, "the registry answered %q for %s", resp.Status, resp.Request.URL.Redacted())
	if kind == Offline {
		return transport{err}
	}
	return err
}

// retry repeats try while it fails with a transport error.
func (r registry) retry(ctx context.Context, try func() error) error {
	for attempt := 0; ; attempt++ {
		err := try()
		var onTheWay transport
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.As(err, &onTheWay) || kindOf(err) == Untrusted || attempt == len(r.delays) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.delays[attempt]):
		}
	}
}

// get sends one request with the credentials that the user's npm has for that address.
func (r registry) get(ctx context.Context, address string, header http.Header, may redirects) (*http.Response, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, badAddress(address)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, badAddress(address)
	}
	req.Header = header
	req.Header.Set("User-Agent", "clawtray")
	if auth := r.authorization(u); auth != "" {
		req.Header.Set("Authorization", auth)
	}
	client := *r.http
	client.CheckRedirect = may
	resp, err := client.Do(req)
	var refused kinded
	switch {
	case err == nil:
		return resp, nil
	case errors.As(err, &refused):
		return nil, refused
	case context.Cause(ctx) == errSlow:
		return nil, transport{kinded{Offline, errSlow}}
	default:
		return nil, transport{err}
	}
}

// authorization returns the Authorization header for an address. Like npm it uses the registry's
// credentials for the whole server of the registry, because tarballs can have another path.
func (r registry) authorization(u *url.URL) string {
	auth := r.settings.authorization(u)
	base, err := url.Parse(r.base)
	if auth == "" && err == nil && origin(base) == origin(u) {
		return r.settings.authorization(base)
	}
	return auth
}

// tarballURL returns the address to get a tarball from. Descriptions that a mirror copies
// contain npm's own host; like npm, we ask the configured registry instead. A registry
// behind a proxy that encrypts may announce its address with http; then https is used, as
// configured.
func (r registry) tarballURL(tarball string) (string, error) {
	t, err := url.Parse(tarball)
	if err != nil || t.Host == "" {
		return "", badAddress(tarball)
	}
	public, _ := url.Parse(defaultRegistry())
	base, err := url.Parse(r.base)
	switch {
	case err != nil:
		return "", err
	case t.Host == public.Host && base.Host != public.Host:
		return r.base + strings.TrimPrefix(t.EscapedPath(), "/"), nil
	case base.Scheme != "https" || t.Scheme == "https":
		return tarball, nil
	case t.Host != base.Host:
		return "", unencrypted(t)
	}
	t.Scheme = base.Scheme
	return t.String(), nil
}

func badAddress(address string) error {
	return failed(BadRegistry, "the registry gave %q as an address", cut(shown(address), 80))
}

// download is the download of one tarball into a file.
type download struct {
	reg      registry
	url      string
	want     []byte // SHA-512
	path     string // keeps the received part, also between runs
	progress func(done, total int64)
}

// fetch downloads the package's tarball and returns the path of the verified file in dir.
// It continues a partial download of an earlier run; the hash shows whether the result is
// right.
func (r registry) fetch(ctx context.Context, m manifest, dir string, progress func(done, total int64)) (string, error) {
	want, err := r.hashOf(m)
	if err != nil {
		return "", err
	}
	address, err := r.tarballURL(m.Dist.Tarball)
	if err != nil {
		return "", err
	}
	d := download{reg: r, url: address, want: want, progress: progress,
		path: filepath.Join(dir, hex.EncodeToString(want[:16])+".tgz")} // the name contains the hash, so files cannot be confused
	resumed, err := d.run(ctx)
	if errors.Is(err, errHash) && resumed {
		_, err = d.run(ctx) // the part of the earlier run may be wrong
	}
	if errors.Is(err, errHash) {
		return "", failed(BadHash, "%s %s does not have the hash the registry announced", m.Name, m.Version)
	}
	return d.path, err
}

// hashOf returns the SHA-512 that a package's tarball must have: the pinned one if there is one,
// otherwise the one that the registry announces.
func (r registry) hashOf(m manifest) ([]byte, error) {
	want, err := sha512Of(m.Dist.Integrity)
	if known := r.pinned[m.Name+"@"+m.Version]; known != "" {
		announced := want
		if want, err = sha512Of(known); err == nil && announced != nil && !bytes.Equal(announced, want) {
			return nil, failed(BadHash, "the registry offers another %s %s than the one that this clawtray knows", m.Name, m.Version)
		}
	}
	if err != nil {
		return nil, failed(BadHash, "the registry gives no SHA-512 hash for %s %s", m.Name, m.Version)
	}
	return want, nil
}

var errHash = errors.New("wrong hash")

// sha512Of returns the SHA-512 in an integrity string, which may contain several hashes.
func sha512Of(integrity string) ([]byte, error) {
	for _, one := range strings.Fields(integrity) {
		one, _, _ = strings.Cut(one, "?")
		if encoded, ok := strings.CutPrefix(one, "sha512-"); ok {
			if sum, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(sum) == sha512.Size {
				return sum, nil
			}
		}
	}
	return nil, errors.New("no sha512")
}

// run downloads what is missing and verifies the whole file. It removes a file with a wrong
// hash.
func (d download) run(ctx context.Context) (resumed bool, err error) {
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum := sha512.New()
	have, err := io.Copy(sum, f)
	if err != nil {
		return false, err
	}
	resumed = have > 0
	if d.matches(sum) {
		d.progress(have, have)
		return resumed, nil
	}
	err = d.reg.retry(ctx, func() error { return d.once(ctx, f, sum) })
	if err != nil {
		return resumed, err
	}
	if !d.matches(sum) {
		f.Close()
		return resumed, errors.Join(errHash, os.Remove(d.path))
	}
	return resumed, f.Sync()
}

func (d download) matches(sum hash.Hash) bool {
	return subtle.ConstantTimeCompare(sum.Sum(nil), d.want) == 1
}

// once makes one request for the missing part of f. sum has hashed the existing part.
func (d download) once(ctx context.Context, f *os.File, sum hash.Hash) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	header := http.Header{}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := d.reg.get(ctx, d.url, header, anyEncrypted)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	continued := resp.StatusCode == http.StatusPartialContent &&
		strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have))
	if have > 0 && !continued {
		if have, err = 0, restart(f, sum); err != nil {
			return err
		}
	}
	switch {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return transport{errors.New("the registry cannot continue this download")} // the next try starts from the beginning
	case resp.StatusCode != http.StatusOK && !continued:
		return statusError(resp)
	}
	total := int64(0)
	if resp.ContentLength > 0 {
		total = have + resp.ContentLength
	}
	if total > maxTarball {
		return failed(BadRegistry, "%s has %d bytes, more than any package of ours", shown(d.url), total)
	}
	body := newStallReader(resp.Body, stallLimit, cancel)
	defer body.stop()
	counter := &progressWriter{done: have, total: total, report: d.progress}
	written, err := io.Copy(io.MultiWriter(f, sum, counter), io.LimitReader(body, maxTarball-have+1))
	var pathErr *fs.PathError
	switch {
	case err != nil && errors.As(err, &pathErr):
		return err // an error of our disk, not of the network
	case err != nil && errors.Is(context.Cause(ctx), errStalled):
		return transport{kinded{Offline, errStalled}}
	case err != nil:
		return transport{kinded{Offline, err}}
	case have+written > maxTarball:
		return failed(BadRegistry, "%s does not end", shown(d.url))
	}
	counter.flush()
	return nil
}

// restart empties the file for a download from its beginning.
func restart(f *os.File, sum hash.Hash) error {
	sum.Reset()
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

var errStalled = fmt.Errorf("nothing arrived for %v", stallLimit)

// stallReader cancels a download during which nothing arrives for too long.
type stallReader struct {
	r     io.Reader
	limit time.Duration
	timer *time.Timer
}

func newStallReader(r io.Reader, limit time.Duration, cancel context.CancelCauseFunc) *stallReader {
	return &stallReader{r, limit, time.AfterFunc(limit, func() { cancel(errStalled) })}
}

func (s *stallReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n > 0 {
		s.timer.Reset(s.limit)
	}
	return n, err
}

func (s *stallReader) stop() { s.timer.Stop() }

// progressWriter counts the written bytes and reports them now and then.
type progressWriter struct {
	done, total, reported int64
	report                func(done, total int64)
}

func (w *progressWriter) Write(p []byte) (int, error) {
	w.done += int64(len(p))
	if w.done-w.reported >= progressStep {
		w.flush()
	}
	return len(p), nil
}

func (w *progressWriter) flush() {
	w.reported = w.done
	w.report(w.done, w.total)
}
