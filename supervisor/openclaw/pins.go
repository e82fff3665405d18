package openclaw

import (
	"cmp"
	_ "embed" // for the lock file
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
)

// The default versions are known by hash, so that neither a registry nor a proxy can replace a
// package: pinnedHashes covers Node and npm, the lock file covers OpenClaw and its dependencies.
//
//go:generate go run ./pin

// pinnedNode is an npm package that contains a Node, and its version.
type pinnedNode struct{ name, version string }

// lockFile is npm's package-lock.json for DefaultOpenClawVersion. It is valid on every system and
// contains no addresses.
//
//go:embed package-lock.json
var lockFile []byte

// DefaultNodeVersion is the pinned version of Node for this system.
var DefaultNodeVersion = cmp.Or(pinnedNodes[platform].version, "24.21.0")

// platform is the key of this system in pinnedNodes.
const platform = runtime.GOOS + "/" + runtime.GOARCH

// pinned reports whether the hash of every package to install is part of this program.
func (o InstallOptions) pinned() bool {
	return o.OpenClawVersion == DefaultOpenClawVersion && o.NodeVersion == DefaultNodeVersion
}

// checkEncrypted returns an error if the hashes would come from the registry over a connection that
// others can change. Pinned versions do not need hashes from the registry, and the connection to a
// registry on this machine cannot be changed by others.
func (i *installer) checkEncrypted() error {
	if i.o.pinned() {
		return nil
	}
	for _, registry := range append(i.reg.settings.scopedRegistries(), i.reg.base) {
		why := ""
		base, err := url.Parse(registry)
		switch {
		case err == nil && (base.Hostname() == "localhost" || net.ParseIP(base.Hostname()).IsLoopback()):
		case err != nil || base.Scheme != "https":
			why = "is reached without encryption"
		case i.reg.settings.get("strict-ssl") == "false":
			why = "need not prove who it is (npm's strict-ssl is false)"
		}
		if why != "" {
			return failed(BadSettings, "the registry %s %s, so that only OpenClaw %s with Node %s, whose hashes are known here, can be had from it",
				shown(registry), why, DefaultOpenClawVersion, DefaultNodeVersion)
		}
	}
	return nil
}

// npmArguments returns npm's arguments that install OpenClaw into prefix. Install scripts of packages
// do not run, because the gateway does not need them: with and without scripts all 38,733 files are
// the same (measured, OpenClaw 2026.9.6 on Linux). Of the four packages that have scripts, two only
// print something, koffi builds an add-on that an optional package already contains, and OpenClaw
// removes files of an earlier version in the same folder.
func (i *installer) npmArguments(npm, prefix string) ([]string, error) {
	args := []string{npm, "install", "openclaw@" + i.o.OpenClawVersion}
	if i.o.OpenClawVersion == DefaultOpenClawVersion {
		args = []string{npm, "ci"}
		manifest := fmt.Sprintf(`{"name":"runtime","private":true,"dependencies":{"openclaw":%q}}`+"\n", DefaultOpenClawVersion)
		for name, content := range map[string][]byte{"package.json": []byte(manifest), "package-lock.json": lockFile} {
			if err := os.WriteFile(filepath.Join(prefix, name), content, 0o600); err != nil {
				return nil, err
			}
		}
	}
	// These override settings in the user's .npmrc that would change where or what npm installs.
	return append(args, "--prefix", prefix, "--cache", i.npmCache(), "--ignore-scripts", "--global=false", "--package-lock=true", "--include=optional", "--include=prod",
		"--location=project", "--workspaces=false", "--package-lock-only=false", "--dry-run=false", "--engine-strict=false",
		"--legacy-peer-deps=false", "--install-strategy=hoisted", "--heading=npm", "--color=false",
		"--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--loglevel=http"), nil
}
