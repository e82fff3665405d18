package main

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"clawtray/packaging/outside"

	"github.com/godbus/dbus/v5"
)

// desktop is a session bus with a notification server, and nobody who shows icons.
type desktop struct {
	dir    string
	bus    *outside.Bus
	conn   *dbus.Conn // the server's
	server *toasts
}

// start starts the bus, and the server on it. The bus starts no services: what is not here
// is not on this machine.
func (d *desktop) start() (err error) {
	if d.bus, err = outside.StartBus(d.dir, nil); err != nil {
		return err
	}
	return d.serve()
}

// serve puts a notification server on the bus.
func (d *desktop) serve() (err error) {
	if d.conn, err = dbus.Connect(d.bus.Address); err != nil {
		return err
	}
	const name = "org.freedesktop.Notifications"
	if err := d.conn.Export(d.server, "/org/freedesktop/Notifications", name); err != nil {
		return err
	}
	_, err = d.conn.RequestName(name, dbus.NameFlagDoNotQueue)
	return err
}

// end ends the bus as a crash of the session does.
func (d *desktop) end() {
	d.bus.Stop()
	d.server.hang(false)
	if d.conn != nil {
		d.conn.Close()
	}
}

// toasts is a notification server that can hang.
type toasts struct {
	mu    sync.Mutex
	hung  chan struct{} // closed when it answers again; nil: it answers
	calls uint32        // how many there were
	asked int           // how many of them were to show a notification
}

func (n *toasts) hang(yes bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hung != nil {
		close(n.hung)
		n.hung = nil
	}
	if yes {
		n.hung = make(chan struct{})
	}
}

func (n *toasts) count() (calls uint32, asked int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls, n.asked
}

// answer returns the number of the call, when the server answers.
func (n *toasts) answer(asked int) uint32 {
	n.mu.Lock()
	n.asked += asked
	n.calls++
	id, hung := n.calls, n.hung
	n.mu.Unlock()
	if hung != nil {
		<-hung
	}
	return id
}

// GetCapabilities, Notify and CloseNotification are what clawtray calls on the bus.
func (n *toasts) GetCapabilities() ([]string, *dbus.Error) {
	n.answer(0)
	return []string{"actions", "body"}, nil
}

func (n *toasts) Notify(_ string, replaces uint32, _, _, _ string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	if id := n.answer(1); replaces == 0 {
		return id, nil
	}
	return replaces, nil
}

func (n *toasts) CloseNotification(uint32) *dbus.Error {
	n.answer(0)
	return nil
}

func hasDesktop(h *house) string {
	if h.desktop == nil {
		return "there is no dbus-daemon here"
	}
	return ""
}

// restartBus ends the session bus, and the notification server with it, while a
// command is answered, and starts both again.
func restartBus(ctx context.Context, h *house) error {
	h.desktop.end()
	_, err := h.statusCommand()
	return errors.Join(err, h.found(ctx, h.desktop.start))
}

func restartServer(ctx context.Context, h *house) error {
	h.desktop.conn.Close()
	return h.found(ctx, h.desktop.serve)
}

// found waits until clawtray has found a notification server that begin starts: it
// asks each one what it can.
func (h *house) found(ctx context.Context, begin func() error) error {
	before, _ := h.desktop.server.count()
	if err := begin(); err != nil {
		return err
	}
	return wait(ctx, "clawtray finds the notification server", func() bool {
		now, _ := h.desktop.server.count()
		return now > before
	})
}

// hangServer has the notification server hang, and then clawtray something to say that
// a person has to know.
func hangServer(ctx context.Context, h *house) error {
	_, before := h.desktop.server.count()
	h.desktop.server.hang(true)
	if err := errors.Join(spoil("")(ctx, h), signalGateway(syscall.SIGKILL)(ctx, h)); err != nil {
		return err
	}
	return wait(ctx, "clawtray asks the server that hangs", func() bool {
		_, now := h.desktop.server.count()
		return now > before
	})
}

// serverAnswers restores the configuration, which clawtray has to notice although the
// server still hangs, and then lets the server answer.
func serverAnswers(ctx context.Context, h *house) error {
	from := h.mark()
	if err := restore(ctx, h); err != nil {
		return err
	}
	_, err := h.until(ctx, from, running)
	h.desktop.server.hang(false)
	return err
}
