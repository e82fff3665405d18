//go:build unix

package rpc_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clawtray/rpc"
)

func TestK1_FilesAreForTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	identity, tokens := filepath.Join(dir, "identity.pem"), filepath.Join(dir, "tokens.json")
	if _, _, err := rpc.LoadOrCreateIdentity(identity); err != nil {
		t.Fatal(err)
	}
	store := rpc.NewFileDeviceTokens(tokens)
	if err := store.Save("a", "b"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{identity, tokens} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Error(path, info.Mode(), err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := os.ReadFile(identity)
	_, _, err := rpc.LoadOrCreateIdentity(identity)
	var open *rpc.PermissionError
	if !errors.As(err, &open) || open.Path != identity || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
	if after, _ := os.ReadFile(identity); string(after) != string(before) {
		t.Error("the file was not left alone")
	}
	if _, err := store.Load("a"); !errors.As(err, &open) {
		t.Error(err)
	}
	if err := store.Save("a", "c"); !errors.As(err, &open) {
		t.Error(err)
	}
}

// TestB3_IdentityPipe: opening one would wait for a writer for ever.
func TestB3_IdentityPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.pem")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := rpc.LoadOrCreateIdentity(path); err == nil {
		t.Error("no error")
	}
}

// TestXR11_KeysThatOthersCanReadOrWriteAreRefused, whoever the others are.
func TestXR11_KeysThatOthersCanReadOrWriteAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "identity.pem")
	if _, _, err := rpc.LoadOrCreateIdentity(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o660, 0o666, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := rpc.LoadOrCreateIdentity(path)
		var open *rpc.PermissionError
		if !errors.As(err, &open) || open.Mode.Perm() != mode {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := rpc.LoadOrCreateIdentity(path); err != nil {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Error("something is left behind: ", left, err)
	}
}
