package openclaw

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// XS8: an attacker who controls the registry serves another Node or npm and announces its
// hash.
func TestXS8_RegistryThatServesSomethingElse(t *testing.T) {
	for _, target := range []string{"npm", nodePackage()} {
		for _, announces := range []string{"its hash", "the known hash", "no hash"} {
			t.Run(target+" with "+announces, func(t *testing.T) {
				s := newSite(t)
				ran := filepath.Join(t.TempDir(), "ran")
				s.o.hashes = map[string]string{
					"npm@" + npmVersion:                      s.reg.describe("npm", npmVersion).Dist.Integrity,
					nodePackage() + "@" + DefaultNodeVersion: s.reg.describe(nodePackage(), DefaultNodeVersion).Dist.Integrity,
				}
				s.must(DefaultOpenClawVersion)
				s.o.DataDir = t.TempDir()
				switch announces {
				case "the known hash":
					s.reg.hashes[target] = s.reg.describe(target, "").Dist.Integrity
				case "no hash":
					s.reg.hashes[target] = ""
				}
				s.npm(": >" + ran)
				if target != "npm" {
					s.node("#!/bin/sh\n: >" + ran)
				}
				_, err := s.install(t.Context())
				s.kind(err, BadHash, "Nothing was installed")
				if exists(ran) {
					t.Error("the other one has run")
				}
			})
		}
	}
}

// XS8: the lock file, not the registry, chooses the dependencies of the pinned OpenClaw,
// and no package runs a script.
func TestXS8_NpmFollowsTheLockFile(t *testing.T) {
	s := newSite(t)
	seen := filepath.Join(t.TempDir(), "seen")
	s.npm(`echo "$@" >` + seen + "; cp package-lock.json " + seen + ".lock 2>/dev/null || :")
	s.must(DefaultOpenClawVersion)
	args := readWords(t, seen)
	if args[1] != "ci" || !slices.Contains(args, "--ignore-scripts") {
		t.Errorf("npm was called with %q", args)
	}
	if lock, err := os.ReadFile(seen + ".lock"); err != nil || string(lock) != string(lockFile) {
		t.Errorf("the lock file: %d bytes, %v", len(lock), err)
	}
	s.o.OpenClawVersion = "2026.8.2"
	s.must("2026.8.2")
	if args = readWords(t, seen); args[1] != "install" || args[2] != "openclaw@2026.8.2" || !slices.Contains(args, "--ignore-scripts") {
		t.Errorf("npm was called with %q", args)
	}
}

func readWords(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(raw))
}

// XW3: settings in the user's .npmrc do not change where and what we install. The real npm
// prints the effective values with our arguments.
func TestXW3_SettingsThatSendNpmElsewhere(t *testing.T) {
	node, npm := realNpm(t)
	home, dir := t.TempDir(), t.TempDir()
	const npmrc = "location=global\nglobal=true\nprefix=/nonexistent\npackage-lock=false\npackage-lock-only=true\ndry-run=true\nomit[]=optional\nomit[]=prod\n" +
		"engine-strict=true\nlegacy-peer-deps=true\ninstall-strategy=linked\nworkspaces=true\nheading=other\ncolor=always\nignore-scripts=false\n"
	if err := os.WriteFile(filepath.Join(home, ".npmrc"), []byte(npmrc), 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := newInstaller(InstallOptions{DataDir: dir, Home: home, Env: []string{"npm_config_globalconfig=/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	args, err := i.npmArguments(filepath.Join(npm, "bin", "npm-cli.js"), dir)
	if err != nil {
		t.Fatal(err)
	}
	args[1] = "config"
	cmd := exec.CommandContext(t.Context(), node, slices.Insert(args, 2, "get", "location", "global", "prefix", "package-lock", "package-lock-only", "dry-run",
		"include", "engine-strict", "legacy-peer-deps", "install-strategy", "workspaces", "heading", "color", "ignore-scripts")...)
	cmd.Env, cmd.Dir = append(i.npmEnv(managed{node: node}), "HOME="+home), dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"location=project", "global=false", "prefix=" + dir, "package-lock=true", "package-lock-only=false", "dry-run=false", "include=optional,prod",
		"engine-strict=false", "legacy-peer-deps=false", "install-strategy=hoisted", "workspaces=false", "heading=npm", "color=false", "ignore-scripts=true"} {
		if !slices.Contains(strings.Split(string(out), "\n"), want) {
			t.Errorf("npm does not say %s:\n%s", want, out)
		}
	}
}

// XS8: versions that are not pinned are refused when others can change the registry's
// answers.
func TestXS8_UnknownVersionsOnlyEncrypted(t *testing.T) {
	s := newSite(t)
	for _, version := range []string{Newest, "2026.8.2"} {
		for address, clear := range map[string]bool{
			"http://npm.example/": true, "http://127.0.0.1.npm.example/": true, "http://user:canary@npm.example/": true,
			"https://npm.example/": false, "http://127.0.0.1:9/": false, "http://[::1]:9/": false, "http://localhost:9/": false,
		} {
			o := s.o
			o.OpenClawVersion, o.Env = version, []string{"npm_config_registry=" + address, "npm_config_globalconfig=/nonexistent"}
			i, err := newInstaller(o)
			if err != nil {
				t.Fatal(err)
			}
			err = i.checkEncrypted()
			if refused := kindOf(err) == BadSettings && err != nil; refused != clear {
				t.Errorf("%s from %s: %v", version, address, err)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("a password in the message: %v", err)
			}
		}
	}
	s.o.OpenClawVersion = Newest
	s.o.Env = []string{"npm_config_registry=https://npm.example", "npm_config_strict_ssl=false", "npm_config_globalconfig=/nonexistent"}
	_, err := s.install(t.Context())
	s.kind(err, BadSettings, "need not prove who it is")
	s.o.Env = []string{"npm_config_registry=https://npm.example", "npm_config_@openclaw:registry=http://npm.example", "npm_config_globalconfig=/nonexistent"}
	_, err = s.install(t.Context())
	s.kind(err, BadSettings, "without encryption")
	s.o.Env = []string{"npm_config_registry=http://npm.example", "npm_config_proxy=" + s.reg.URL, "npm_config_globalconfig=/nonexistent"}
	_, err = s.install(t.Context())
	s.kind(err, BadSettings, "without encryption")
	if n := s.reg.count("/"); n != 0 {
		t.Errorf("asked all the same: %q", s.reg.requests)
	}
}

// XS8: an installation with nothing to download does not depend on how the registry is
// reached.
func TestXS8_NothingToFetch(t *testing.T) {
	s := newSite(t)
	s.o.OpenClawVersion = "2027.1.1"
	s.must("2027.1.1")
	s.o.OpenClawVersion, s.o.Env = "", []string{"npm_config_registry=http://npm.example", "npm_config_globalconfig=/nonexistent"}
	s.must("2027.1.1")
	s.o.OpenClawVersion, s.o.NodeVersion = "2027.2.1", DefaultNodeVersion
	_, err := s.install(t.Context())
	s.kind(err, BadSettings, "without encryption")
}

// XS8: there is a pinned Node for every system of a release, and a SHA-512 for every
// package.
func TestXS8_EverythingIsPinned(t *testing.T) {
	for _, system := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"} {
		node := pinnedNodes[system]
		if _, err := sha512Of(pinnedHashes[node.name+"@"+node.version]); err != nil || !accepts(engines, node.version) {
			t.Errorf("%s: %+v, %v", system, node, err)
		}
	}
	if _, err := sha512Of(pinnedHashes["npm@"+npmVersion]); err != nil {
		t.Errorf("npm: %v", err)
	}
	var lock struct {
		Packages map[string]struct {
			Version, Integrity, Resolved string
			InBundle, Link               bool
			Dependencies                 map[string]string
		}
	}
	if err := json.Unmarshal(lockFile, &lock); err != nil {
		t.Fatal(err)
	}
	for place, p := range lock.Packages {
		if _, err := sha512Of(p.Integrity); place != "" && !p.InBundle && err != nil || p.Resolved != "" || p.Link {
			t.Errorf("%s: %+v", place, p)
		}
	}
	root, openclaw := lock.Packages[""].Dependencies, lock.Packages["node_modules/openclaw"].Version
	if len(root) != 1 || root["openclaw"] != DefaultOpenClawVersion || openclaw != DefaultOpenClawVersion || len(lock.Packages) < 300 {
		t.Errorf("%d packages, for %q, with %s", len(lock.Packages), root, openclaw)
	}
}

// XS8: the error says when there is no pinned Node for the system.
func TestXS8_UnknownSystem(t *testing.T) {
	s := newSite(t)
	node := pinnedNodes[platform]
	delete(pinnedNodes, platform)
	defer func() { pinnedNodes[platform] = node }()
	_, err := s.install(t.Context())
	var failed *InstallError
	if !errors.As(err, &failed) || failed.Kind != Unsupported {
		t.Errorf("error %v", err)
	}
}
