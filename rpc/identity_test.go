package rpc_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clawtray/rpc"
)

func TestK1_IdentityIsCreatedOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "identity.pem")
	first, report, err := rpc.LoadOrCreateIdentity(path)
	if err != nil || !report.Created || report.MovedAside != "" {
		t.Fatal(report, err)
	}
	if len(first.DeviceID()) != 64 {
		t.Error(first.DeviceID())
	}
	second, report, err := rpc.LoadOrCreateIdentity(path)
	if err != nil || report.Created || second.DeviceID() != first.DeviceID() {
		t.Error(report, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Error("something is left behind: ", entries, err)
	}
}

func TestK1_ConcurrentCreatorsAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.pem")
	const n = 8
	ids := make(chan string, n)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			id, _, err := rpc.LoadOrCreateIdentity(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids <- id.DeviceID()
		})
	}
	wg.Wait()
	close(ids)
	first := <-ids
	for id := range ids {
		if id != first {
			t.Error("two identities: ", id, first)
		}
	}
}

// TestXR9_LoadersOfACorruptIdentityAgree: one replaces it, and nothing but the
// corrupt file is left behind.
func TestXR9_LoadersOfACorruptIdentityAgree(t *testing.T) {
	const rounds, loaders = 20, 16
	type loaded struct {
		id     string
		report rpc.LoadReport
		err    error
	}
	for name, content := range map[string][]byte{"corrupt": []byte("garbage"), "missing": nil} {
		for range rounds {
			path := filepath.Join(t.TempDir(), "identity.pem")
			if content != nil {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			all := make(chan loaded, loaders)
			var wg sync.WaitGroup
			for range loaders {
				wg.Go(func() {
					id, report, err := rpc.LoadOrCreateIdentity(path)
					all <- loaded{id.DeviceID(), report, err}
				})
			}
			wg.Wait()
			close(all)
			created, moved, ids := 0, 0, map[string]bool{}
			for l := range all {
				if l.err != nil {
					t.Fatal(name, l.err)
				}
				ids[l.id] = true
				if l.report.Created {
					created++
				}
				if l.report.MovedAside != "" {
					moved++
				}
			}
			want := map[string]int{"corrupt": 1}[name]
			if len(ids) != 1 || created != 1 || moved != want {
				t.Fatalf("%s: %d identities, created %d times, moved aside %d times", name, len(ids), created, moved)
			}
			left, err := filepath.Glob(path + ".corrupt-*")
			if again, _, loadErr := rpc.LoadOrCreateIdentity(path); err != nil || loadErr != nil || !ids[again.DeviceID()] || len(left) != want {
				t.Fatal(name, left, err, loadErr)
			}
		}
	}
}

// TestXR9_TokensOfSeveralStoresAreKept: each process has a store of its own.
func TestXR9_TokensOfSeveralStoresAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	const stores = 16
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			if err := rpc.NewFileDeviceTokens(path).Save(fmt.Sprint("key ", i), "token"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range stores {
		if token, err := rpc.NewFileDeviceTokens(path).Load(fmt.Sprint("key ", i)); err != nil || token != "token" {
			t.Error(i, token, err)
		}
	}
}

func TestB3_CorruptIdentityIsMovedAsideReportedAndReplaced(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "garbage": "\x00\x01garbage", "no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"other pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "huge": strings.Repeat("x", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "identity.pem")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			id, report, err := rpc.LoadOrCreateIdentity(path)
			if err != nil || !report.Created || report.Corrupt == nil || report.MovedAside == "" {
				t.Fatal(report, err)
			}
			if kept, err := os.ReadFile(report.MovedAside); err != nil || string(kept) != content {
				t.Error("the corrupt file is not kept: ", err)
			}
			again, report, err := rpc.LoadOrCreateIdentity(path)
			if err != nil || report.Created || again.DeviceID() != id.DeviceID() {
				t.Error(report, err)
			}
		})
	}
}

func TestB3_IdentityThatCannotBeReadIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "identity.pem")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := rpc.LoadOrCreateIdentity(path); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Error(info, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := rpc.LoadOrCreateIdentity(filepath.Join(file, "identity.pem")); err == nil {
		t.Error("a directory that is a file: no error")
	}
}

func TestK1_DeviceTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "tokens.json")
	store := rpc.NewFileDeviceTokens(path)
	if token, err := store.Load("a"); token != "" || err != nil {
		t.Error(token, err)
	}
	for _, key := range []string{"a", "b"} {
		if err := store.Save(key, "token of "+key); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Clear("a"); err != nil {
		t.Fatal(err)
	}
	store = rpc.NewFileDeviceTokens(path)
	a, errA := store.Load("a")
	b, errB := store.Load("b")
	if a != "" || b != "token of b" || errA != nil || errB != nil {
		t.Error(a, b, errA, errB)
	}
	for _, content := range []string{"", "garbage", "null", "[1]", `{"b":7}`, "\x00"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if token, err := store.Load("b"); token != "" || err != nil {
			t.Errorf("%q: %q, %v", content, token, err)
		}
		if err := store.Save("b", "new token"); err != nil {
			t.Fatal(err)
		}
		if token, err := store.Load("b"); token != "new token" || err != nil {
			t.Errorf("%q: %q, %v", content, token, err)
		}
	}
	if err := rpc.NewFileDeviceTokens(filepath.Join(path, "below a file")).Save("a", "b"); err == nil || errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}
