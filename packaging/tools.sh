# shellcheck shell=sh
# Scripts that need Go programs of other projects source this file. Each program is pinned
# and built once into the user's cache.
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
gosec=github.com/securego/gosec/v2/cmd/gosec@v2.30.0
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.8.0
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
winres=github.com/tc-hib/go-winres@v0.3.3
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
# The scripts that source this file use them.
: "$staticcheck" "$gosec" "$govulncheck" "$nfpm" "$winres" "$cyclonedx"

# tool MODULE@VERSION prints the path of that program.
tool() {
  tool_bin=${XDG_CACHE_HOME:-$HOME/.cache}/clawtray/tools/$(basename "$1")
  tool_path=$tool_bin/$(basename "${1%@*}")
  if [ ! -x "$tool_path" ]; then
    mkdir -p "$tool_bin"
    # A bill of materials contains the sum of the program that wrote it. Without
    # -trimpath, that sum would depend on where Go keeps its files.
    GOBIN=$tool_bin go install -trimpath "$1" >&2
  fi
  echo "$tool_path"
}
