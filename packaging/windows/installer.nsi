; The setup program: one user's folder, no administrator needed. packaging/windows/dist.sh:
; makensis -DTARGET=... -DVERSION=... -DNUMBERS=1.2.3.0 -DHOME=URL -DSTAGE=... -DOUT=... installer.nsi
Target ${TARGET}
SetCompressor /SOLID lzma
Name "clawtray"
OutFile "${OUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\clawtray"
; An upgrade is installed into the folder of the version before.
InstallDirRegKey HKCU "Software\Microsoft\Windows\CurrentVersion\Uninstall\clawtray" "InstallLocation"
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\clawtray"
VIProductVersion "${NUMBERS}"
VIAddVersionKey "ProductName" "clawtray"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${NUMBERS}"
VIAddVersionKey "FileDescription" "clawtray setup"
VIAddVersionKey "LegalCopyright" "MIT licence"

Page directory
Page instfiles
UninstPage uninstConfirm
UninstPage instfiles

; Says whether a clawtray was running before and must be started again.
Var ran

Section
  ; A running one keeps its file open: it is asked to quit, and waits for its gateway (up to 30 s).
  ; It exits with 0 only when one ran.
  StrCpy $ran 1
  IfFileExists "$INSTDIR\clawtray.exe" 0 replace
    nsExec::Exec '"$INSTDIR\clawtray.exe" quit'
    Pop $ran
  replace:
  SetOutPath $INSTDIR
  File "${STAGE}/clawtray.exe"
  File "${STAGE}/LICENSE.txt"
  File "/oname=THIRD-PARTY-LICENCES.txt" "${STAGE}/THIRD-PARTY-LICENCES"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\clawtray.lnk" "$INSTDIR\clawtray.exe" "--show"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "clawtray"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The clawtray authors"
  WriteRegStr HKCU "${UNINSTALL}" "URLInfoAbout" "${HOME}"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\clawtray.exe"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  ; The gateway is back without a person.
  StrCmp $ran 0 0 done
    Exec '"$INSTDIR\clawtray.exe"'
  done:
SectionEnd

Section Uninstall
  nsExec::Exec '"$INSTDIR\clawtray.exe" quit'
  ; Start at login must not outlive the program.
  ; Each profile has an entry that starts it at login. Those of another copy of clawtray stay.
  ; $INSTDIR is no use here: it is the folder as this program was started, perhaps by another path.
  ReadRegStr $5 HKCU "${UNINSTALL}" "InstallLocation"
  StrLen $0 "$5\clawtray.exe"
  StrCpy $1 0
next:
  EnumRegValue $2 HKCU "${RUN}" $1
  StrCmp $2 "" done
  ReadRegStr $3 HKCU "${RUN}" $2
  StrCpy $4 $3 $0
  StrCmp $4 "$5\clawtray.exe" ours
  StrCpy $4 $3 $0 1 ; behind a quotation mark
  StrCmp $4 "$5\clawtray.exe" ours
  IntOp $1 $1 + 1
  Goto next
ours:
  DeleteRegValue HKCU "${RUN}" $2
  Goto next
done:
  DeleteRegKey HKCU "${UNINSTALL}"
  Delete "$SMPROGRAMS\clawtray.lnk"
  Delete "$INSTDIR\clawtray.exe"
  Delete "$INSTDIR\LICENSE.txt"
  Delete "$INSTDIR\THIRD-PARTY-LICENCES.txt"
  Delete "$INSTDIR\uninstall.exe"
  ; Only when it is empty: the user's own files stay.
  RMDir "$INSTDIR"
SectionEnd
