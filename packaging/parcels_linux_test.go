package packaging

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clawtray/packaging/needs"
)

// Two versions of a release, the second newer than the first.
const older, newer = "1.0.0", "1.1.0"

// parcels has both versions for this machine's Linux, and a key to sign with.
type parcels struct {
	dir string
	env []string
}

// TestI18_Parcels makes two versions of the packages for Linux, checks them with the tools
// that distributions use, and installs them.
func TestI18_Parcels(t *testing.T) {
	if testing.Short() {
		t.Skip("makes two releases; make check runs it")
	}
	needs.Tools(t, "make", "git", "dpkg-deb", "lintian", "appstreamcli", "desktop-file-validate", "systemd-analyze", "gpg", "apt-ftparchive", "createrepo_c")
	p := parcels{dir: t.TempDir()}
	p.env = append(clean(os.Environ()), "GNUPGHOME="+filepath.Join(p.dir, "gnupg"))
	if err := os.Mkdir(filepath.Join(p.dir, "gnupg"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command("gpgconf", "--kill", "all").Run() })
	const key = "release@clawtray.example"
	p.run(t, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", key)
	p.env = append(p.env, "SIGN_KEY="+key)
	for _, version := range []string{older, newer} {
		p.run(t, "make", "-C", "..", "--no-print-directory", "dist", "VERSION="+version, "PLATFORMS=linux/amd64", "DIST="+p.dist(version))
	}
	p.run(t, "dpkg-deb", "--extract", p.parcel(newer, "deb"), p.tree())

	t.Run("Lintian", p.lintian)
	t.Run("Metadata", p.metadata)
	t.Run("StartedBySystemd", p.systemd)
	t.Run("Sums", p.sums)
	t.Run("Bill", p.bill)
	t.Run("OtherFormats", p.formats)
	repos := filepath.Join(p.dir, "repos")
	p.env = append(p.env, "SOURCE_DATE_EPOCH=1700000000")
	p.run(t, "sh", "repos.sh", repos, p.dist(older), p.dist(newer))
	for _, signed := range []string{"dnf/repodata/repomd.xml.asc", "apt/dists/stable/Release.gpg"} {
		path := filepath.Join(repos, signed)
		p.run(t, "gpg", "--batch", "--verify", path, strings.TrimSuffix(path, filepath.Ext(path)))
	}
	t.Run("Life", func(t *testing.T) { p.life(t, filepath.Join(repos, "apt")) })
}

// clean removes the variables that make and the Makefile export.
func clean(env []string) (kept []string) {
	for _, v := range env {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "VERSION", "LDFLAGS", "TAGS", "GCFLAGS", "SIGN_KEY":
		default:
			kept = append(kept, v)
		}
	}
	return kept
}

func (p parcels) dist(version string) string { return filepath.Join(p.dir, "dist-"+version) }
func (p parcels) tree() string               { return filepath.Join(p.dir, "tree") }
func (p parcels) parcel(version, ending string) string {
	return filepath.Join(p.dist(version), "clawtray_"+version+"_linux_amd64."+ending)
}

func (p parcels) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = p.env
	return cmd
}

// run runs a command that must succeed, and returns its output.
func (p parcels) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := p.command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// lintian runs Debian's own checker of packages. lintian-overrides lists what it may
// report, with the reasons.
func (p parcels) lintian(t *testing.T) {
	out := p.run(t, "lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", p.parcel(newer, "deb"))
	if out != "" {
		t.Errorf("lintian says\n%s", out)
	}
	recommends := p.run(t, "dpkg-deb", "--field", p.parcel(newer, "deb"), "Recommends")
	for _, want := range []string{"xdg-utils", "wl-clipboard | xclip", "notification-daemon", "ca-certificates"} {
		if !strings.Contains(recommends, want) {
			t.Errorf("it does not recommend %s: %s", want, recommends)
		}
	}
}

// metadata checks the files that software centres and menus read.
func (p parcels) metadata(t *testing.T) {
	p.run(t, "appstreamcli", "validate-tree", "--no-net", p.tree())
	p.run(t, "appstreamcli", "validate", "--no-net", filepath.Join(p.tree(), "usr/share/metainfo/io.github.clawtray.metainfo.xml"))
	p.run(t, "desktop-file-validate", filepath.Join(p.tree(), "usr/share/applications/clawtray.desktop"))
	icons, err := filepath.Glob(filepath.Join(p.tree(), "usr/share/icons/hicolor/*/apps/clawtray.*"))
	if err != nil || len(icons) < 10 {
		t.Errorf("icons: %q, %v", icons, err)
	}
}

// systemd turns the entry that starts clawtray at login into a unit, and checks that.
func (p parcels) systemd(t *testing.T) {
	const generator = "/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator"
	needs.Tools(t, generator)
	config, units := filepath.Join(t.TempDir(), "config"), t.TempDir()
	if err := os.MkdirAll(config, 0o755); err != nil {
		t.Fatal(err)
	}
	p.run(t, "cp", "-R", filepath.Join(p.tree(), "usr/share/doc/clawtray/examples/autostart"), config)
	for _, cmd := range []*exec.Cmd{p.command(generator, units, units, units), p.command("systemd-analyze", "--user", "verify", filepath.Join(units, "app-clawtray@autostart.service"))} {
		cmd.Env = append(p.env, "PATH="+filepath.Join(p.tree(), "usr/bin")+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+config, "XDG_CONFIG_DIRS=/nonexistent", "XDG_RUNTIME_DIR="+units)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", cmd.Args, err, out)
		}
	}
}

// sums checks that SHA256SUMS lists every other file of the release and is signed.
func (p parcels) sums(t *testing.T) {
	dist := p.dist(newer)
	p.run(t, "gpg", "--batch", "--verify", filepath.Join(dist, "SHA256SUMS.asc"), filepath.Join(dist, "SHA256SUMS"))
	list, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	for s := bufio.NewScanner(bytes.NewReader(list)); s.Scan(); {
		sum, name, _ := strings.Cut(s.Text(), "  ")
		named[name] = sum
	}
	err = fs.WalkDir(os.DirFS(dist), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "SHA256SUMS") {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dist, name))
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); named[name] != got {
			t.Errorf("%s has the sum %s, SHA256SUMS says %q", name, got, named[name])
		}
		delete(named, name)
		return err
	})
	if err != nil || len(named) > 0 {
		t.Errorf("%v; named and not there: %v", err, named)
	}
}

// bill checks that the bill of materials has the version and licence of each library in the
// program, and that the file of licences has each of these libraries.
func (p parcels) bill(t *testing.T) {
	b, err := os.ReadFile(p.parcel(newer, "cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		Components []struct {
			Name, Version string
			Evidence      struct{ Licenses []any }
		}
	}
	if err := json.Unmarshal(b, &bill); err != nil {
		t.Fatal(err)
	}
	licences := p.run(t, "tar", "-xzOf", p.parcel(newer, "tar.gz"), "clawtray_"+newer+"_linux_amd64/THIRD-PARTY-LICENCES")
	if len(bill.Components) < 10 {
		t.Errorf("only %d components", len(bill.Components))
	}
	for _, c := range bill.Components {
		if c.Name == "std" { // Go's standard library, which is not in the module cache
			continue
		}
		if !strings.Contains(licences, "\n"+c.Name+" "+c.Version+" (") {
			t.Errorf("no licence of %s %s", c.Name, c.Version)
		}
	}
}

// formats checks the packages that cannot be installed on this machine.
func (p parcels) formats(t *testing.T) {
	needs.Tools(t, "rpm", "zstd")
	if got := p.run(t, "rpm", "--query", "--recommends", "--package", p.parcel(newer, "rpm")); !strings.Contains(got, "xdg-utils") {
		t.Errorf("the .rpm recommends %s", got)
	}
	for name, files := range map[string]string{
		"the .rpm":         p.run(t, "rpm", "--query", "--list", "--package", p.parcel(newer, "rpm")),
		"the Arch package": p.run(t, "tar", "--zstd", "-tf", p.parcel(newer, "pkg.tar.zst")),
	} {
		for _, want := range []string{"bin/clawtray", "share/applications/clawtray.desktop", "share/metainfo/io.github.clawtray.metainfo.xml",
			"share/man/man1/clawtray.1.gz", "share/icons/hicolor/48x48/apps/clawtray.png", "share/licenses/clawtray/THIRD-PARTY-LICENCES",
			"share/bash-completion/completions/clawtray", "share/zsh/site-functions/_clawtray", "share/fish/vendor_completions.d/clawtray.fish"} {
			if !strings.Contains("\n"+files, "usr/"+want+"\n") {
				t.Errorf("%s lacks /usr/%s:\n%s", name, want, files)
			}
		}
	}
}

// life installs, upgrades, downgrades and removes the .deb in a fresh Debian.
func (p parcels) life(t *testing.T, repository string) {
	needs.Root(t)
	needs.Tools(t, "debootstrap", "unshare")
	// This OpenClaw starts with a third of the processor time that the newest needs.
	const variable = "CLAWTRAY_TEST_OPENCLAW_8_2"
	entry := os.Getenv(variable)
	version, _, found := strings.Cut(entry, "/openclaw/node_modules/")
	if !found {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is %q", variable, entry)
		}
		t.Skip(variable + " is not set; make check sets it")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	out := p.run(t, "sh", "linux/root.sh", repository, version, port)
	if !strings.Contains(out, "== all is well") {
		t.Errorf("it ended too early:\n%s", out)
	}
}

// TestI18_ManifestsNameEachParcel: in the templates for other package managers, each
// address is that of a parcel and has its sum.
func TestI18_ManifestsNameEachParcel(t *testing.T) {
	address := regexp.MustCompile(`clawtray_[^"' ]*\.(?:tar\.gz|zip|exe)`)
	sum := regexp.MustCompile(`@SUM:([^@]*)@`)
	plain := strings.NewReplacer("@VERSION@", "", "${_version}", "", "${version}", "", "@MAC@", "")
	err := filepath.WalkDir("manifests", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Dir(path) == "manifests" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var addresses, sums []string
		for _, a := range address.FindAllString(string(text), -1) {
			addresses = append(addresses, strings.TrimPrefix(plain.Replace(a), "clawtray__"))
		}
		for _, s := range sum.FindAllStringSubmatch(string(text), -1) {
			sums = append(sums, s[1])
		}
		t.Logf("%s: %q", path, sums)
		if got, want := strings.Join(addresses, " "), strings.Join(sums, " "); got != want && !strings.HasSuffix(path, ".nix") {
			t.Errorf("%s: the addresses are of\n%s\nand the sums of\n%s", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestI18_FilesForMacsAreWellFormed: nothing can run on macOS here, but both property lists
// must be readable.
func TestI18_FilesForMacsAreWellFormed(t *testing.T) {
	for _, name := range []string{"macos/Info.plist", "macos/app.clawtray.plist"} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		keys, values := 0, 0
		for d := xml.NewDecoder(f); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := token.(xml.StartElement); ok {
				switch e.Name.Local {
				case "key":
					keys++
				case "string", "true", "false", "array":
					values++
				}
			}
		}
		if keys == 0 || values < keys {
			t.Errorf("%s has %d keys and %d values", name, keys, values)
		}
	}
}

// TestI18_ProblemsComeWithDiagnostics: the form for problems asks for the report without
// secrets.
func TestI18_ProblemsComeWithDiagnostics(t *testing.T) {
	form, err := os.ReadFile("../.github/ISSUE_TEMPLATE/problem.yml")
	if err != nil || !strings.Contains(string(form), "`clawtray diagnostics`") {
		t.Errorf("the form for problems (%v) does not ask for clawtray diagnostics:\n%s", err, form)
	}
}
