# callPackage ./clawtray.nix { }
{ lib, stdenvNoCC, fetchurl }:
let
  parcels = {
    x86_64-linux = { arch = "amd64"; sha256 = "@SUM:linux_amd64.tar.gz@"; };
    aarch64-linux = { arch = "arm64"; sha256 = "@SUM:linux_arm64.tar.gz@"; };
  };
  parcel = parcels.${stdenvNoCC.hostPlatform.system} or (throw "clawtray has no parcel for ${stdenvNoCC.hostPlatform.system}");
in
stdenvNoCC.mkDerivation rec {
  pname = "clawtray";
  version = "@VERSION@";
  src = fetchurl {
    url = "@FILES@/v${version}/clawtray_${version}_linux_${parcel.arch}.tar.gz";
    inherit (parcel) sha256;
  };
  # One static program: there is nothing to configure, build, or patch.
  dontConfigure = true;
  dontBuild = true;
  dontPatchELF = true;
  dontStrip = true;
  installPhase = ''
    runHook preInstall
    install -Dm755 clawtray $out/bin/clawtray
    cp -r share $out/
    runHook postInstall
  '';
  meta = {
    description = "Tray program that keeps the OpenClaw Gateway running";
    homepage = "@HOME@";
    license = lib.licenses.mit;
    mainProgram = "clawtray";
    platforms = builtins.attrNames parcels;
    sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
  };
}
