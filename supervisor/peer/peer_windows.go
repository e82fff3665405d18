package peer

import (
	"context"
	"net/netip"

	"golang.org/x/sys/windows"
)

// check compares the user of the other process with ours. When we may not ask for its user,
// it does not belong to ours.
func check(ctx context.Context, ours, theirs netip.AddrPort) error {
	pid, err := holder(ctx, theirs, ours)
	if err != nil {
		return err
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(process)
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return err
	}
	defer token.Close()
	they, err := token.GetTokenUser()
	if err != nil {
		return err
	}
	we, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if !they.User.Sid.Equals(we.User.Sid) {
		return ForeignError{they.User.Sid.String()}
	}
	return nil
}
