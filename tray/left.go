package tray

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A clawtray that is killed cannot take its notifications away, and most desktops leave an
// urgent one on the screen until somebody closes it: it would say that the gateway is down
// beside the next clawtray, which knows better. So a file names what is on the screen: the
// notification server for good, and the ids that it gave. The next clawtray takes that away.

// keep writes the file anew when it differs from what is on the screen.
func (n *notifier) keep() {
	var text string
	if server := n.server.name(); server != "" && len(n.shown) > 0 {
		var ids []uint32
		for _, s := range n.shown {
			ids = append(ids, s.id)
		}
		slices.Sort(ids)
		text = server + " " + strings.Trim(fmt.Sprint(ids), "[]")
	}
	if n.file == "" || text == n.kept {
		return
	}
	n.kept = text
	err := os.Remove(n.file)
	if text != "" {
		err = os.WriteFile(n.file, []byte(text+"\n"), 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.log.Warn("the notifications on the screen could not be noted; if clawtray is killed, they stay", "error", err)
	}
}

// tidy takes away what an earlier clawtray has left on the screen.
func (n *notifier) tidy(ctx context.Context) {
	text, err := os.ReadFile(n.file)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, toastTimeout)
	defer cancel()
	parts := strings.Fields(string(text))
	for _, part := range parts[min(2, len(parts)):] {
		id, err := strconv.ParseUint(part, 10, 32)
		if err == nil {
			err = n.server.removeLeft(ctx, parts[0]+" "+parts[1], uint32(id))
		}
		if err != nil {
			n.log.Debug("a notification of an earlier clawtray not taken away", "error", err)
		}
	}
	_ = os.Remove(n.file) // else the next notification replaces it
}
