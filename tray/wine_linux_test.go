package tray

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawtray/packaging/needs"
)

const (
	// wineTime limits a run of tests under wine, and the wait for something to be seen
	// there. It is not an expectation: both take 15 s on an idle machine.
	wineTime = 4 * time.Minute
	// wineLeft is how long programs that are left behind under wine may keep the output
	// open.
	wineLeft = 5 * time.Second
)

// TestWine tests what needs Windows, as far as wine 8 can replace it: the processes of the
// supervisor, the Run key, and the program that users get. Wine has no unix sockets, so no
// command reaches the program there.
func TestWine(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles everything for Windows; make check runs it")
	}
	needs.Tools(t, "wine", "wineserver", "Xvfb", "xdotool", "import")
	w := newWine(t)
	t.Run("M3_Processes", func(t *testing.T) {
		w.test(t, "../supervisor/machine", "^Test(C4_AskedToEnd|C4_IgnoresTheRequest|G1_ExitCodeAndLastWords|M2_Recognised|M3_JobObject|XH6_ABurstIsNotLost|XH7_NoHoleAfterACut)$")
	})
	t.Run("L6_RunKey", func(t *testing.T) { w.test(t, "./autostart", "^TestL6_") })
	t.Run("L1_Desktop", w.desktop)
	t.Run("I18_Installer", w.installer)
}

// installer runs the setup program, runs it again over its own installation, and removes
// everything. Files that clawtray has written for its user stay.
func (w *wine) installer(t *testing.T) {
	needs.Tools(t, "make", "git", "makensis")
	const version = "1.2.3"
	dist := filepath.Join(w.dir, "dist")
	build := exec.Command("make", "-C", "..", "--no-print-directory", "dist", "VERSION="+version, "PLATFORMS=windows/amd64", "DIST="+dist)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	run := func(args ...string) string {
		out, err := finish(w.command(args...))
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	local := strings.TrimSpace(run("cmd", "/c", "echo %LOCALAPPDATA%"))
	folder := filepath.Join(w.dir, "prefix/drive_c", strings.ReplaceAll(strings.TrimPrefix(local, `C:`), `\`, "/"))
	installed := filepath.Join(folder, `Programs/clawtray`)
	program := filepath.Join(installed, "clawtray.exe")
	settings := filepath.Join(folder, "clawtray/clawtray.toml")
	if err := os.MkdirAll(filepath.Dir(settings), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const uninstall = `HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\clawtray`
	for range 2 {
		run(windows(filepath.Join(dist, "clawtray_"+version+"_windows_amd64-setup.exe")), "/S")
		if got := run("reg", "query", uninstall, "/v", "DisplayVersion"); !strings.Contains(got, version) {
			t.Errorf("the registry has %s", got)
		}
		if got := run(windows(program), "version"); !strings.Contains(got, version) {
			t.Errorf("what is installed says %q", got)
		}
	}
	native := local + `\Programs\clawtray\clawtray.exe` // as a person starts it
	run(native, "autostart", "on")
	run(native, "--profile", "work", "autostart", "on")
	w.runKey(t, "clawtray", true)
	w.runKey(t, "clawtray-work", true)
	run("reg", "add", wineRun, "/v", "clawtray-elsewhere", "/d", `D:\clawtray.exe`)

	run(windows(filepath.Join(installed, "uninstall.exe")), "/S")
	w.wait() // the uninstaller removes itself with a copy of itself
	w.runKey(t, "clawtray", false)
	w.runKey(t, "clawtray-work", false)
	w.runKey(t, "clawtray-elsewhere", true)
	if out, err := finish(w.command("reg", "query", uninstall)); err == nil {
		t.Errorf("still in the list of programs:\n%s", out)
	}
	left, _ := filepath.Glob(filepath.Join(folder, "Programs/clawtray*"))
	links, _ := filepath.Glob(filepath.Join(folder, "../Roaming/Microsoft/Windows/Start Menu/Programs/clawtray*"))
	if len(left)+len(links) > 0 {
		t.Errorf("left over: %q %q", left, links)
	}
	if _, err := os.Stat(settings); err != nil {
		t.Errorf("the user's settings: %v", err)
	}
}

// end ends everything in this Windows.
func (w *wine) end() {
	w.server("-k")
	w.wait()
}

// wait waits until everything in this Windows has ended.
func (w *wine) wait() { w.server("-w") }

func (w *wine) server(option string) {
	cmd := exec.Command("wineserver", option)
	cmd.Env = w.env
	_ = cmd.Run() // it fails when nothing runs any more
}

// desktop starts the program through Explorer, as a double click does, and uses it with the
// mouse: the icon, its tooltip, its menu, three clicks. Notifications are off, because they
// show for 5 s, which a busy machine may miss, and hide other things.
func (w *wine) desktop(t *testing.T) {
	config := filepath.Join(w.dir, "clawtray")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "clawtray.toml"), []byte(`notifications = "none"`), 0o600); err != nil {
		t.Fatal(err)
	}
	program := w.build(t, "clawtray.exe", "build", "-ldflags", "-H windowsgui", "..")
	d := &desktop{t: t}
	d.startX(screenWidth, screenHeight)
	t.Cleanup(w.end) // the next test waits until nothing runs any more
	w.env = append(w.env, "DISPLAY="+d.display, "XDG_CONFIG_HOME="+windows(w.dir))
	size := fmt.Sprintf("/desktop=test,%dx%d", screenWidth, screenHeight)
	explorer := w.command("explorer", size, windows(program))
	var said bytes.Buffer // read it after the program has ended
	explorer.Stderr = &said
	if err := explorer.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- explorer.Wait() }()

	// There is no OpenClaw, so a person is needed and the icon is red.
	d.seen("the icon", func(im *image.RGBA) bool { return count(im, wineCorner, red) > 20 })
	d.point(wineCorner.Min.Add(image.Pt(12, 12)))
	d.save("wine-1-tooltip", d.seen("the tooltip", func(im *image.RGBA) bool { return count(im, wineAbove, white) > 1000 }))

	defer func() {
		if t.Failed() {
			d.save("failed", d.shot())
		}
	}()
	const login, quit = 4, 0 // number of the row, from the bottom
	d.clickRow("wine-2-menu", login, false)
	w.runKey(t, "clawtray", true)
	d.clickRow("wine-3-menu-checked", login, true)
	w.runKey(t, "clawtray", false)
	d.clickRow("wine-4-menu", quit, false)
	if err := wait(t, ended, "end", func() string { return "" }); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(said.String(), "cause=user-quit") {
		t.Errorf("the click on Quit did not arrive:\n%s", said.String())
	}
}

// wineCorner is where the icon is, and wineAbove where its tooltip and its menu open.
var (
	wineCorner = image.Rect(screenWidth-22, screenHeight-22, screenWidth, screenHeight)
	wineAbove  = image.Rect(screenWidth/3, 0, screenWidth, screenHeight-22)
)

// clickRow opens the menu and clicks one of its rows, counted from the last one, when it is
// checked or not as wanted. Windows does not draw an open menu anew, so one that was opened
// before the result of the last click arrived is closed and opened again.
func (d *desktop) clickRow(name string, fromBottom int, checked bool) {
	d.t.Helper()
	for deadline := time.Now().Add(wineTime); time.Now().Before(deadline); d.click(image.Pt(10, 10), "1") {
		d.point(image.Pt(10, 10))
		d.seen("no menu", func(im *image.RGBA) bool { return count(im, wineAbove, white) == 0 })
		d.click(wineCorner.Min.Add(image.Pt(12, 12)), "3")
		menu := d.seen("the menu", drawn)
		rows := menuRows(menu)
		row := rows[len(rows)-1-fromBottom]
		mark := image.Rect(row.X-16, row.Y-8, row.X-4, row.Y+8)
		if (count(menu, mark, white) < mark.Dx()*mark.Dy()) == checked {
			d.save(name, menu)
			d.click(row, "1")
			return
		}
	}
	d.t.Fatalf("%s: the row is never checked: %v", name, checked)
}

// drawn reports whether the whole menu is drawn. On a busy machine its last rows may be
// missing in a picture.
func drawn(im *image.RGBA) bool {
	rows := menuRows(im)
	return len(rows) > 10 && rows[len(rows)-1].Y > screenHeight-30
}

// wineRun is the registry's list of programs that start at login.
const wineRun = `HKCU\Software\Microsoft\Windows\CurrentVersion\Run`

// runKey waits until an entry that starts the program is, or is not, in this list.
func (w *wine) runKey(t *testing.T, value string, want bool) {
	t.Helper()
	var out []byte
	for deadline := time.Now().Add(wineTime); time.Now().Before(deadline); {
		out, _ = finish(w.command("reg", "query", wineRun, "/v", value))
		if strings.Contains(string(out), "clawtray.exe") == want {
			return
		}
	}
	t.Fatalf("%s in the Run key: %v wanted\n%s", value, want, out)
}

// seen takes pictures until two in a row are equal and ok returns true.
func (d *desktop) seen(what string, ok func(*image.RGBA) bool) *image.RGBA {
	d.t.Helper()
	last := d.shot()
	for deadline := time.Now().Add(wineTime); time.Now().Before(deadline); {
		next := d.shot()
		if bytes.Equal(last.Pix, next.Pix) && ok(next) {
			return next
		}
		last = next
	}
	d.save("failed", last)
	d.t.Fatalf("never seen: %s; see failed.png", what)
	return nil
}

func red(c color.RGBA) bool   { return c.R > 150 && c.G < 100 && c.B < 120 }
func white(c color.RGBA) bool { return c.R == 255 && c.G == 255 && c.B == 255 }

func count(im *image.RGBA, area image.Rectangle, is func(color.RGBA) bool) (n int) {
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if is(im.RGBAAt(x, y)) {
				n++
			}
		}
	}
	return n
}

// menuRows finds the lines of text in the open menu, which is in the lower right corner
// above the taskbar. It returns the beginning of each line, from the top.
func menuRows(im *image.RGBA) (rows []image.Point) {
	const bottom = screenHeight - 24
	left := 0
	for left < screenWidth && !white(im.RGBAAt(left, bottom)) {
		left++
	}
	const least, most = 4, 16 // pixels; separators are lower, and things above the menu are higher
	text := image.Rect(left+20, 0, left+60, 1)
	began := 0
	for y := range screenHeight - 10 {
		if count(im, text.Add(image.Pt(0, y)), white) < text.Dx() {
			continue
		}
		if height := y - began; height >= least && height <= most {
			rows = append(rows, image.Pt(text.Min.X, y-height/2))
		}
		began = y + 1
	}
	return rows
}

// wine is a separate Windows for the test.
type wine struct {
	dir string
	env []string
}

func newWine(t *testing.T) *wine {
	w := &wine{dir: t.TempDir()}
	prefix := filepath.Join(w.dir, "prefix")
	w.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "WINEPREFIX=" + prefix, "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml="}
	t.Cleanup(w.end)
	if out, err := finish(w.command("wineboot", "-i")); err != nil {
		t.Fatalf("wineboot: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll"), bcryptPrimitives(t), 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *wine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("wine", args...)
	cmd.Env, cmd.WaitDelay = w.env, wineLeft
	return cmd
}

// finish runs a command to its end. Processes that it leaves behind are not an error.
func finish(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return out, err
}

// build runs a go command that builds a program for Windows.
func (w *wine) build(t *testing.T, name string, command ...string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	last := len(command) - 1
	cmd := exec.Command("go", append(append(command[:last:last], "-o", path), command[last])...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return path
}

// test runs tests of a package as a Windows program.
func (w *wine) test(t *testing.T, pkg, run string) {
	program := w.build(t, filepath.Base(pkg)+".test.exe", "test", "-c", pkg)
	cmd := w.command(program, "-test.v", "-test.timeout", wineTime.String(), "-test.run", run)
	cmd.Dir = w.dir
	out, err := finish(cmd)
	if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%s under wine: %v\n%s", pkg, err, out)
	}
}

// windows returns a path as a Windows program sees it.
func windows(path string) string { return `Z:` + strings.ReplaceAll(path, "/", `\`) }

// bcryptPrimitives returns a DLL without code that forwards its only function to an
// equivalent one. Every Go program needs that function, and wine 8 (Debian 12) lacks it.
func bcryptPrimitives(t *testing.T) []byte {
	const (
		section   = 0x1000 // address of the only section in memory
		alignment = 0x200
		headers   = 0x80 // the DOS header
	)
	le := binary.LittleEndian
	exports := make([]byte, alignment)
	put := func(at int, values ...uint32) {
		for i, v := range values {
			le.PutUint32(exports[at+4*i:], v)
		}
	}
	text := func(at int, s string) uint32 {
		copy(exports[at:], s+"\x00")
		return section + uint32(at)
	}
	const addresses, names, ordinals = 40, 44, 48 // offsets of the tables after the export directory; one entry each
	put(12, text(64, "bcryptprimitives.dll"), 1, 1, 1, section+addresses, section+names, section+ordinals)
	put(addresses, text(96, "advapi32.SystemFunction036")) // an address within the section, so it is a forwarder
	put(names, text(128, "ProcessPrng"))

	optional := pe.OptionalHeader64{Magic: 0x20b, SizeOfInitializedData: alignment, ImageBase: 0x180000000,
		SectionAlignment: section, FileAlignment: alignment, MajorOperatingSystemVersion: 6, MajorSubsystemVersion: 6,
		SizeOfImage: 2 * section, SizeOfHeaders: alignment, Subsystem: pe.IMAGE_SUBSYSTEM_WINDOWS_GUI,
		DllCharacteristics: pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT, NumberOfRvaAndSizes: 16}
	optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT] = pe.DataDirectory{VirtualAddress: section, Size: alignment}
	var file bytes.Buffer
	dos := make([]byte, headers)
	copy(dos, "MZ")
	le.PutUint32(dos[0x3c:], headers)
	for _, part := range []any{
		dos, []byte("PE\x00\x00"),
		pe.FileHeader{Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 1, SizeOfOptionalHeader: uint16(binary.Size(optional)),
			Characteristics: pe.IMAGE_FILE_EXECUTABLE_IMAGE | pe.IMAGE_FILE_LARGE_ADDRESS_AWARE | pe.IMAGE_FILE_DLL},
		optional,
		pe.SectionHeader32{Name: [8]uint8{'.', 'r', 'd', 'a', 't', 'a'}, VirtualSize: alignment, VirtualAddress: section,
			SizeOfRawData: alignment, PointerToRawData: alignment, Characteristics: pe.IMAGE_SCN_CNT_INITIALIZED_DATA | pe.IMAGE_SCN_MEM_READ},
	} {
		if err := binary.Write(&file, le, part); err != nil {
			t.Fatal(err)
		}
	}
	return append(append(file.Bytes(), make([]byte, alignment-file.Len())...), exports...)
}
