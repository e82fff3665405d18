package words

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var localeName = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetUserDefaultLocaleName")

// systemLanguage is the language of the user's Windows, like "zh-CN".
func systemLanguage() string {
	var name [85]uint16                                                                            // LOCALE_NAME_MAX_LENGTH
	if n, _, _ := localeName.Call(uintptr(unsafe.Pointer(&name[0])), uintptr(len(name))); n == 0 { // #nosec G103 -- the system fills the buffer
		return localeFromEnv()
	}
	return windows.UTF16ToString(name[:])
}
