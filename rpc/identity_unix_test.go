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
