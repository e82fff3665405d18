package handover

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"clawtray/packaging/needs"
)

// strangerVar makes the test binary act as another user of the machine.
const strangerVar = "CLAWTRAY_TEST_STRANGER"

func play() {
	if os.Getenv(strangerVar) != "" {
		stranger()
		os.Exit(0)
	}
}

// loot is what another user of the machine has found and received.
type loot struct {
	Link    string
	Answers []string
}

var links = regexp.MustCompile(`http://127\.0\.0\.1:\d+/[A-Z2-7]{26}`)

// stranger reads the arguments of every process and fetches each link in several ways.
func stranger() {
	var l loot
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, link := range links.FindAllString(string(line), -1) {
			l.Link = link
			for range 3 {
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
					l.Answers = append(l.Answers, fetch(method, link))
				}
			}
		}
	}
	json.NewEncoder(os.Stdout).Encode(l)
}

func fetch(method, link string) string {
	r, err := http.NewRequest(method, link, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var all strings.Builder
	all.WriteString(method + " ")
	resp.Write(&all)
	return all.String()
}

// XS1: another user reads the link in the opener's arguments and requests it first. That
// user gets nothing, and the user's own browser still gets the address.
func TestXS1_AStrangerIsRefused(t *testing.T) {
	needs.Root(t)
	link, ended := opening(t, Known(secret))
	// A slow browser that has the link in its arguments.
	slow := exec.Command("sh", "-c", "read x; :", "browser", link)
	hold, err := slow.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	defer slow.Wait()
	defer hold.Close()

	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Dir, cmd.Stderr = []string{strangerVar + "=1"}, "/", t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 64001, Gid: 64001}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got loot
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	if got.Link != link || len(got.Answers) == 0 {
		t.Fatalf("the stranger found %+v, not %s: the test proves nothing", got, link)
	}
	for _, a := range got.Answers {
		if _, rest, _ := strings.Cut(a, " "); !strings.HasPrefix(rest, "HTTP/1.1 403 ") || strings.Contains(a, canary) || fetched.MatchString(a) {
			t.Errorf("the stranger got %q", a)
		}
	}
	if a := newBrowser(t, nil).arrives(link); a.body != secret {
		t.Errorf("the user's browser got %+v", a)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
