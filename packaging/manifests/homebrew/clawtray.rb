# A formula for your own tap.
class Clawtray < Formula
  desc "Tray program that keeps the OpenClaw Gateway running"
  homepage "@HOME@"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "@FILES@/v@VERSION@/clawtray_@VERSION@_macos_arm64@MAC@.zip"
      sha256 "@SUM:macos_arm64.zip@"
    end
    on_intel do
      url "@FILES@/v@VERSION@/clawtray_@VERSION@_macos_amd64@MAC@.zip"
      sha256 "@SUM:macos_amd64.zip@"
    end
  end
  on_linux do
    on_arm do
      url "@FILES@/v@VERSION@/clawtray_@VERSION@_linux_arm64.tar.gz"
      sha256 "@SUM:linux_arm64.tar.gz@"
    end
    on_intel do
      url "@FILES@/v@VERSION@/clawtray_@VERSION@_linux_amd64.tar.gz"
      sha256 "@SUM:linux_amd64.tar.gz@"
    end
  end

  def install
    if OS.mac?
      prefix.install "clawtray.app"
      bin.write_exec_script prefix/"clawtray.app/Contents/MacOS/clawtray"
      man1.install Dir["man/man1/*"]
      bash_completion.install "completions/bash" => "clawtray"
      zsh_completion.install "completions/zsh" => "_clawtray"
      fish_completion.install "completions/fish" => "clawtray.fish"
    else
      bin.install "clawtray"
      share.install Dir["share/*"]
    end
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/clawtray version")
  end
end
