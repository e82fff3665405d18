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
)

const (
	// maxMetadata bounds a package's description; npm's own, with every version, has 3 MB.
	maxMetadata = 64 << 20
	// maxTarball bounds one package; Node's has 60 MB.
	maxTarball = 512 << 20
	// stallLimit ends a download during which nothing arrives.
	stallLimit = 60 * time.Second
	// progressStep is how many bytes pass between two progress reports.
	progressStep = 256 << 10
)

// retryDelays are the waits before each further try of a request that failed on the way; the
// first is none, because a connection cut by a proxy mostly works at once.
var retryDelays = []time.Duration{0, 1 * time.Second, 4 * time.Second}

// registry fetches packages as the user's npm would.
type registry struct {
	base     string
	settings npmSettings
	http     *http.Client
	delays   []time.Duration
}

// dist is where a package's version is and what it must hash to.
type dist struct {
	Tarball   string `json:"tarball"`
	Integrity string `json:"integrity"`
}

// manifest is the part of a version's description we need.
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

// newest is the newest release of a package that fits.
func (r registry) newest(ctx context.Context, name string, fits func(version string) bool) (string, error) {
	p, err := r.describeAll(ctx, name)
	if err != nil {
		return "", err
	}
	for _, version := range slices.SortedFunc(maps.Keys(p.Versions), newerFirst) {
		if !strings.Contains(version, "-") && fits(version) {
			return version, nil
		}
	}
	return "", failed(NotFound, "the registry %s has no %s that fits", r.base, name)
}

// describe asks for one version of a package, or for the one a tag like "latest" names.
func (r registry) describe(ctx context.Context, name, version string) (manifest, error) {
	var m manifest
	err := r.getJSON(ctx, r.base+name+"/"+version, "application/json", &m)
	if kindOf(err) == NotFound && err != nil {
		// Some company registries answer for whole packages only.
		var whole packument
		if whole, err = r.describeAll(ctx, name); err != nil {
			return m, err
		}
		var ok bool
		if m, ok = whole.Versions[cmp.Or(whole.Tags[version], version)]; !ok {
			return m, failed(NotFound, "the registry %s has no %s %s", r.base, name, version)
		}
	}
	if err == nil && (m.Name != name || m.Version == "" || m.Dist.Tarball == "") {
		err = failed(BadRegistry, "the registry %s described another package than %s %s", r.base, name, version)
	}
	return m, err
}

func (r registry) getJSON(ctx context.Context, address, accept string, into any) error {
	return r.retry(ctx, func() error {
		ctx, cancel := context.WithTimeoutCause(ctx, answerLimit, errSlow)
		defer cancel()
		resp, err := r.get(ctx, address, http.Header{"Accept": {accept}})
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
			return failed(BadRegistry, "the registry's answer for %s is too large", address)
		}
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(into); err != nil {
			return failed(BadRegistry, "the registry's answer for %s is not JSON (%w)", address, err)
		}
		return nil
	})
}

var errSlow = fmt.Errorf("the registry did not answer within %v", answerLimit)

// transport marks an error that happened on the way, so another try makes sense.
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

// retry repeats try while it fails on the way.
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

// get sends one request with the credentials the user's npm has for that address.
func (r registry) get(ctx context.Context, address string, header http.Header) (*http.Response, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, failed(BadRegistry, "the registry gave %q as an address", cut(address, 80))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, failed(BadRegistry, "the registry gave %q as an address", cut(address, 80))
	}
	req.Header = header
	req.Header.Set("User-Agent", "clawtray")
	if auth := r.settings.authorization(u); auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := r.http.Do(req)
	switch {
	case err == nil:
		return resp, nil
	case context.Cause(ctx) == errSlow:
		return nil, transport{kinded{Offline, errSlow}}
	default:
		return nil, transport{err}
	}
}

// tarballURL is where to get a tarball. A mirror that copies descriptions names npm's own host in
// them; like npm, we ask the configured registry instead.
func (r registry) tarballURL(tarball string) string {
	t, err := url.Parse(tarball)
	if err != nil {
		return tarball
	}
	public, _ := url.Parse(defaultRegistry())
	base, err := url.Parse(r.base)
	if err != nil || t.Host != public.Host || base.Host == public.Host {
		return tarball
	}
	return r.base + strings.TrimPrefix(t.EscapedPath(), "/")
}

// download is one tarball on its way into a file.
type download struct {
	reg      registry
	url      string
	want     []byte // SHA-512
	path     string // keeps what arrived, also between runs
	progress func(done, total int64)
}

// fetch returns the path of a file in dir that holds the package's tarball and has been verified.
// What an earlier run left is used: the rest is asked for, and the hash decides.
func (r registry) fetch(ctx context.Context, m manifest, dir string, progress func(done, total int64)) (string, error) {
	want, err := sha512Of(m.Dist.Integrity)
	if err != nil {
		return "", failed(BadHash, "the registry gives no SHA-512 hash for %s %s", m.Name, m.Version)
	}
	d := download{reg: r, url: r.tarballURL(m.Dist.Tarball), want: want, progress: progress,
		path: filepath.Join(dir, hex.EncodeToString(want[:16])+".tgz")} // named by hash: never mixed up
	resumed, err := d.run(ctx)
	if errors.Is(err, errHash) && resumed {
		_, err = d.run(ctx) // the old part may have been the bad one
	}
	if errors.Is(err, errHash) {
		return "", failed(BadHash, "%s %s does not have the hash the registry announced", m.Name, m.Version)
	}
	return d.path, err
}

var errHash = errors.New("wrong hash")

// sha512Of takes the SHA-512 out of an integrity string, which may name several hashes.
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

// run downloads what is missing and verifies the whole. A file that fails is removed.
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

// once makes one request for what f lacks; sum has seen what f holds.
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
	resp, err := d.reg.get(ctx, d.url, header)
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
		return transport{errors.New("the registry cannot continue this download")} // next try starts anew
	case resp.StatusCode != http.StatusOK && !continued:
		return statusError(resp)
	}
	total := int64(0)
	if resp.ContentLength > 0 {
		total = have + resp.ContentLength
	}
	if total > maxTarball {
		return failed(BadRegistry, "%s has %d bytes, more than any package of ours", d.url, total)
	}
	body := newStallReader(resp.Body, stallLimit, cancel)
	defer body.stop()
	counter := &progressWriter{done: have, total: total, report: d.progress}
	written, err := io.Copy(io.MultiWriter(f, sum, counter), io.LimitReader(body, maxTarball-have+1))
	var pathErr *fs.PathError
	switch {
	case err != nil && errors.As(err, &pathErr):
		return err // our disk, not the network
	case err != nil && errors.Is(context.Cause(ctx), errStalled):
		return transport{kinded{Offline, errStalled}}
	case err != nil:
		return transport{kinded{Offline, err}}
	case have+written > maxTarball:
		return failed(BadRegistry, "%s does not end", d.url)
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

// progressWriter counts what passes and reports it now and then.
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
