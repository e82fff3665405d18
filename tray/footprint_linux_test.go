package tray

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/packaging/needs"
	"clawtray/packaging/outside"
	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"

	"github.com/godbus/dbus/v5"
)

const (
	settling = 330 * time.Second // time from running to quiet: then the menu says "for 5 min" and does not change until "for 10 min"
	quiet    = time.Minute
	minutes  = 4 // measured minutes of rest; several, because other work of the machine affects each of them
	starts   = 7 // number of starts; their median is reported
	pairs    = 3 // number of pairs of minutes; their medians are reported
	// pairSettling is the wait between two clients of a gateway.
	pairSettling = 20 * time.Second
	readyTime    = 4 * time.Minute // limit for a real gateway on a busy machine
)

// BenchmarkFootprint measures the whole program in a desktop session: an Xfce panel and a
// real gateway, connected and quiet. The goals: 15 MB of proportional memory, 5 ms of CPU
// per minute, 0.2 wake-ups per second, 20 ms from exec to icon, 12 MB on disk.
func BenchmarkFootprint(b *testing.B) {
	node, entry := os.Getenv("CLAWTRAY_TEST_NODE"), os.Getenv("CLAWTRAY_TEST_OPENCLAW")
	if node == "" || entry == "" {
		const how = "CLAWTRAY_TEST_NODE and CLAWTRAY_TEST_OPENCLAW are not set; make bench sets them"
		if os.Getenv("CI") == "true" {
			b.Fatal(how)
		}
		b.Skip(how)
	}
	needs.Tools(b, "Xvfb", "xfce4-panel", "dunst", "dbus-update-activation-environment")
	d := startDesktop(b, "xfce.sh")
	program, size := buildProgram(b, d)
	measure := func(name string, what func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			program.b = b
			for b.Loop() {
				what(b)
			}
			b.ReportMetric(0, "ns/op") // meaningless here
		})
	}
	measure("disk", func(b *testing.B) { b.ReportMetric(size, "disk-MB") })
	measure("icon", func(b *testing.B) { program.timeToIcon(node) })
	measure("rest", func(b *testing.B) { program.atRest(node, entry) })
	measure("gateway", func(b *testing.B) { program.besideSilence(node, entry) })
}

// program is clawtray. When the Makefile runs the benchmark, it is built as for a release.
type program struct {
	b    *testing.B
	d    *desktop
	path string
	home string
}

// buildProgram builds clawtray and also returns its size in MB.
func buildProgram(b *testing.B, d *desktop) (*program, float64) {
	p := &program{b: b, d: d, home: b.TempDir()}
	p.path = filepath.Join(p.home, "clawtray-stripped")
	flags := append([]string{"build", "-trimpath", "-tags", os.Getenv("TAGS"), "-ldflags", "-s -w", "-o", p.path}, strings.Fields(os.Getenv("GCFLAGS"))...)
	build := exec.Command("go", append(flags, "..")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(p.path)
	if err != nil {
		b.Fatal(err)
	}
	return p, float64(info.Size()) / (1 << 20)
}

// start runs clawtray with settings until the returned function is called.
func (p *program) start(settings string) (pid int, stop func()) {
	if err := outside.WriteHome(p.home, map[string]string{
		".config/clawtray/clawtray.toml": settings,
		".openclaw/openclaw.json":        `{ "gateway": { "mode": "local" }, "logging": { "level": "info" } }`, // as every user has one
	}); err != nil {
		p.b.Fatal(err)
	}
	cmd := exec.Command(p.path)
	cmd.Env = []string{"HOME=" + p.home, "XDG_RUNTIME_DIR=" + p.home, "PATH=" + os.Getenv("PATH"), "DISPLAY=" + p.d.display, "DBUS_SESSION_BUS_ADDRESS=" + p.d.bus.addr,
		"XDG_CURRENT_DESKTOP=XFCE", "OPENCLAW_SKIP_CHANNELS=1", "GODEBUG=" + os.Getenv("GODEBUG"), "GOGC=" + os.Getenv("GOGC")}
	if err := cmd.Start(); err != nil {
		p.b.Fatal(err)
	}
	return cmd.Process.Pid, func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
}

// timeToIcon measures the time from exec until the panel has the icon. There is no gateway
// to start, so nothing else needs the processor.
func (p *program) timeToIcon(node string) {
	conn := p.d.bus.connect()
	signals := make(chan *dbus.Signal, 10)
	conn.Signal(signals)
	if err := conn.AddMatchSignal(dbus.WithMatchInterface("org.kde.StatusNotifierWatcher"), dbus.WithMatchMember("StatusNotifierItemRegistered")); err != nil {
		p.b.Fatal(err)
	}
	var took []time.Duration
	for range starts {
		began := time.Now()
		_, stop := p.start(fmt.Sprintf("node = %q\nopenclaw = '/nonexistent'\n", node))
		wait(p.b, signals, "icon", func() string { return "" })
		took = append(took, time.Since(began))
		stop()
	}
	slices.Sort(took)
	p.b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "icon-ms")
}

// atRest measures minutes in which nothing happens.
func (p *program) atRest(node, entry string) {
	port := freePort(p.b)
	pid, stop := p.start(fmt.Sprintf("node = %q\nopenclaw = %q\nport = %d\n", node, entry, port))
	defer stop()
	p.running()
	time.Sleep(settling)
	before := usageOf(p.b, pid)
	after := before
	var wakeups []float64
	for range minutes {
		began := after
		time.Sleep(quiet)
		after = usageOf(p.b, pid)
		wakeups = append(wakeups, float64(after.wakeups-began.wakeups)/quiet.Seconds())
	}
	slices.Sort(wakeups)
	p.b.ReportMetric(after.pss, "PSS-MB")
	p.b.ReportMetric(after.rss, "RSS-MB")
	p.b.ReportMetric(after.anonymous, "anon-MB")
	p.b.ReportMetric(float64((after.cpu-before.cpu).Microseconds())/1000/minutes, "cpu-ms/min")
	p.b.ReportMetric((wakeups[minutes/2-1]+wakeups[minutes/2])/2, "wakeups/s") // the median
	p.b.ReportMetric(wakeups[minutes-1], "worst-wakeups/s")
}

// besideSilence compares what a gateway uses per minute with clawtray attached and with a
// client that only listens, alternately.
func (p *program) besideSilence(node, entry string) {
	port := freePort(p.b)
	launch := openclaw.Launch{Child: openclaw.Child{Args: []string{"--port", strconv.Itoa(port), "--bind", "loopback", "--allow-unconfigured"}, Set: []string{openclaw.TokenVar + "=bench-token"}},
		Env: []string{"HOME=" + p.b.TempDir(), "PATH=" + os.Getenv("PATH"), "OPENCLAW_SKIP_CHANNELS=1"}, CacheDir: p.b.TempDir()}
	gateway := openclaw.Runtime{Node: node, Entry: entry}.Gateway(launch).Exec(p.b.Context())
	if err := gateway.Start(); err != nil {
		p.b.Fatal(err)
	}
	defer gateway.Wait()
	defer gateway.Process.Signal(syscall.SIGTERM)
	silent := func() *rpc.Session {
		ctx, cancel := context.WithTimeout(p.b.Context(), readyTime)
		defer cancel()
		look := time.NewTicker(100 * time.Millisecond)
		defer look.Stop()
		for {
			s, err := rpc.Dial(ctx, rpc.Options{Gateway: rpc.Gateway{URL: fmt.Sprintf("ws://127.0.0.1:%d", port), Trusted: true}, Credentials: rpc.Credentials{Token: "bench-token"}})
			if err == nil {
				return s
			}
			select {
			case <-ctx.Done():
				p.b.Fatal("the gateway does not come up: ", err)
			case <-look.C:
			}
		}
	}
	s := silent()
	time.Sleep(6 * pairSettling) // the gateway continues loading for a while
	var alone, attached []float64
	for range pairs {
		alone = append(alone, cpuOfTree(p.b, gateway.Process.Pid))
		s.Close()
		_, stop := p.start(fmt.Sprintf("node = %q\nopenclaw = %q\nport = %d\ntoken = \"bench-token\"\n", node, entry, port))
		p.running()
		time.Sleep(pairSettling)
		attached = append(attached, cpuOfTree(p.b, gateway.Process.Pid))
		stop()
		s = silent()
		time.Sleep(pairSettling)
	}
	s.Close()
	slices.Sort(alone)
	slices.Sort(attached)
	p.b.ReportMetric(alone[pairs/2], "gateway-cpu-ms/min-silent-client")
	p.b.ReportMetric(attached[pairs/2], "gateway-cpu-ms/min-clawtray")
}

// cpuOfTree returns the CPU time of a process and its children in a quiet minute, in ms.
func cpuOfTree(b *testing.B, pid int) float64 {
	sum := func() (d time.Duration) {
		for todo := []int{pid}; len(todo) > 0; todo = todo[1:] {
			d += cpuOf(b, todo[0])
			for _, thread := range threads(b, todo[0]) {
				text, _ := os.ReadFile(filepath.Join(thread, "children")) // the thread may have ended
				for _, child := range strings.Fields(string(text)) {
					n, _ := strconv.Atoi(child)
					todo = append(todo, n)
				}
			}
		}
		return d
	}
	before := sum()
	time.Sleep(quiet)
	return float64((sum() - before).Microseconds()) / 1000 / quiet.Minutes()
}

// running waits for the gateway.
func (p *program) running() {
	ctx, cancel := context.WithTimeout(p.b.Context(), readyTime)
	defer cancel()
	client := control.NewClient(filepath.Join(p.home, ".local/state/clawtray"))
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		if report, _, err := client.Report(ctx); err == nil && report.State == supervisor.Running {
			return
		}
		select {
		case <-ctx.Done():
			p.b.Fatal("the gateway does not come up")
		case <-look.C:
		}
	}
}

// usage is what a process has used so far. memory is in MB.
type usage struct {
	pss, rss, anonymous float64
	cpu                 time.Duration
	wakeups             int // of all its threads together
}

func usageOf(t testing.TB, pid int) usage {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	memory := fields(t, filepath.Join(dir, "smaps_rollup"))
	u := usage{pss: float64(memory["Pss"]) / 1024, rss: float64(memory["Rss"]) / 1024, anonymous: float64(memory["Anonymous"]) / 1024, cpu: cpuOf(t, pid)}
	for _, thread := range threads(t, pid) {
		u.wakeups += fields(t, filepath.Join(thread, "status"))["voluntary_ctxt_switches"]
	}
	return u
}

// cpuOf returns the CPU time of all threads of a process.
func cpuOf(t testing.TB, pid int) (all time.Duration) {
	t.Helper()
	for _, thread := range threads(t, pid) {
		text, err := os.ReadFile(filepath.Join(thread, "schedstat"))
		if err != nil {
			continue // the thread has ended
		}
		ns, _, _ := strings.Cut(string(text), " ")
		onCPU, err := strconv.Atoi(ns)
		if err != nil {
			t.Fatal(err)
		}
		all += time.Duration(onCPU)
	}
	return all
}

// threads returns the /proc folders of a process's threads.
func threads(t testing.TB, pid int) []string {
	t.Helper()
	list, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// fields reads the lines "name: number ..." of a file in /proc.
func fields(t testing.TB, path string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if words := strings.Fields(rest); len(words) > 0 {
			if n, err := strconv.Atoi(words[0]); err == nil {
				all[name] = n
			}
		}
	}
	return all
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
