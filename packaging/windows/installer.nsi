; The setup program: one user's folder, no administrator needed.
; makensis -DVERSION=... -DPROGRAM=clawtray.exe -DLICENSE=... -DOUT=... installer.nsi
Target amd64-unicode
Name "clawtray"
OutFile "${OUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\clawtray"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\clawtray"

Page directory
Page instfiles
UninstPage uninstConfirm
UninstPage instfiles

Section
  ; A running one keeps its file open: it is asked to quit, and waits for its gateway (up to 30 s).
  IfFileExists "$INSTDIR\clawtray.exe" 0 +2
    nsExec::Exec '"$INSTDIR\clawtray.exe" quit'
  SetOutPath $INSTDIR
  File "/oname=clawtray.exe" "${PROGRAM}"
  File "/oname=LICENSE.txt" "${LICENSE}"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\clawtray.lnk" "$INSTDIR\clawtray.exe" "--show"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "clawtray"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\clawtray.exe"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

Section Uninstall
  nsExec::Exec '"$INSTDIR\clawtray.exe" quit'
  ; Start at login must not outlive the program.
  DeleteRegValue HKCU "Software\Microsoft\Windows\CurrentVersion\Run" "clawtray"
  DeleteRegKey HKCU "${UNINSTALL}"
  Delete "$SMPROGRAMS\clawtray.lnk"
  Delete "$INSTDIR\clawtray.exe"
  Delete "$INSTDIR\LICENSE.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
SectionEnd
