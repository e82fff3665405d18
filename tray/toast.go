package tray

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"clawtray/assets"
)

const (
	// toastTimeout is how long a notification server may take to answer, because some of
	// them never answer.
	toastTimeout = 5 * time.Second
	// toastCloseTime is how long Quit waits until notifications are removed.
	toastCloseTime = time.Second
)

// Toast is one desktop notification. All texts are plain.
type Toast struct {
	Title, Body string
	Asked       string // the exact text that a person has to decide about; shown above the body
	Urgent      bool   // a person has to act
	Icon        assets.Icon
	Buttons     []Click
	answer      bool // the toast answers a click, so the history leaves it out

	stage stage // the stage of the incident
	about int   // the incident's id
}

// Click is a click of a person: on an entry of the menu, on the icon, or on a button of a
// notification.
type Click struct {
	ID    ID     // the place of the entry, or the row whose action the button carries out
	Arg   string // set for a button
	Title string // set for a button: the text on it
}

// key returns the name of a button for the notification server.
func (c Click) key() string {
	if c.Arg == "" {
		return string(c.ID)
	}
	return string(c.ID) + " " + c.Arg
}

// toastServer shows notifications. Only one goroutine uses it.
type toastServer interface {
	// show shows t instead of the notification with the id replaces (0: none), and returns
	// the id of t (0 when it cannot be changed later). It may block for ever.
	show(ctx context.Context, t Toast, replaces uint32) (id uint32, err error)
	remove(ctx context.Context, id uint32) error
	// changed reports whether the server that gave the ids has ended. The event about that
	// may come later.
	changed(ctx context.Context) bool
	// events returns a channel with what happens to notifications; nil while there is no
	// connection.
	events() <-chan toastEvent
	// watch calls change with true when notifications can have buttons, else with false, at
	// once and after every change, until ctx ends.
	watch(ctx context.Context, change func(bool))
	// release closes the connection. The next show opens another.
	release()
	// name is the name of the server that gave the ids, which no other one ever has. Empty
	// where notifications cannot be taken away.
	name() string
	// removeLeft takes away what the server of this name shows, if it is still there. It
	// needs no connection of before, and starts no server.
	removeLeft(ctx context.Context, name string, id uint32) error
}

// toastEvent says that a button was clicked, or that a notification is gone.
type toastEvent struct {
	id     uint32
	button string // the key of the clicked button; empty when the notification was closed
	all    bool   // the server has ended, so all its notifications are gone
}

// slot is a place for one notification. A newer notification replaces the one that is
// there.
type slot int

const (
	gatewaySlot slot = iota
	hostSlot
	answerSlot
	askSlot
)

// toastEnd says that a notification has ended, but not because of us.
type toastEnd struct {
	at   slot
	lost bool // the server has ended, too
}

// delivery says whether the desktop showed a notification.
type delivery struct {
	at    slot
	toast Toast
	err   error
}

// notifier keeps at most one notification per slot on the screen. It runs on its own
// goroutine. When the server is slow, only the newest notification of each slot waits.
type notifier struct {
	server toastServer
	log    *slog.Logger

	mu   sync.Mutex
	want map[slot]*Toast // what to show next; nil means remove
	wake chan struct{}

	shown      map[slot]*shownToast // only run uses it
	complained bool                 // the log says that the server does not work

	file string // names what is on the screen; empty: none
	kept string // what the file says

	delivered chan delivery // to the loop
	ends      chan toastEnd // to the loop
	clicks    chan<- Click  // to the loop
}

type shownToast struct {
	id      uint32
	buttons []Click
}

func newNotifier(server toastServer, log *slog.Logger, clicks chan<- Click) *notifier {
	return &notifier{
		server: server, log: log, want: map[slot]*Toast{}, wake: make(chan struct{}, 1),
		shown: map[slot]*shownToast{}, delivered: make(chan delivery, 8), ends: make(chan toastEnd, 8), clicks: clicks,
	}
}

// post makes run show a notification and never blocks. With nil, run removes the
// notification of the slot.
func (n *notifier) post(at slot, t *Toast) {
	n.mu.Lock()
	n.want[at] = t
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *notifier) take() (at slot, t *Toast, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for at, t := range n.want {
		delete(n.want, at)
		return at, t, true
	}
	return 0, nil, false
}

// run shows notifications until ctx ends, and then removes them.
func (n *notifier) run(ctx context.Context) {
	defer n.clear(ctx)
	n.tidy(ctx)
	for ctx.Err() == nil {
		n.keep()
		at, t, ok := n.take()
		if ok {
			n.carryOut(ctx, at, t)
			continue
		}
		if len(n.shown) == 0 {
			n.server.release()
		}
		select {
		case <-ctx.Done():
		case <-n.wake:
		case e, ok := <-n.server.events():
			n.event(ctx, e, ok)
		}
	}
}

func (n *notifier) clear(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), toastCloseTime)
	defer cancel()
	for at := range maps.Clone(n.shown) {
		n.remove(ctx, at)
	}
	n.keep()
	n.server.release()
}

func (n *notifier) carryOut(ctx context.Context, at slot, t *Toast) {
	if len(n.shown) > 0 && n.server.changed(ctx) {
		n.event(ctx, toastEvent{all: true}, true)
	}
	if t == nil {
		ctx, cancel := context.WithTimeout(ctx, toastTimeout)
		defer cancel()
		n.remove(ctx, at)
		return
	}
	var was uint32
	if s := n.shown[at]; s != nil {
		was = s.id
	}
	id, err := n.show(ctx, *t, was)
	switch {
	case err != nil:
		n.complain(ctx, err)
	case id == 0:
		delete(n.shown, at)
	default:
		if was != 0 && id != was && n.shown[at] != nil { // this server cannot replace a notification
			n.remove(ctx, at)
		}
		n.shown[at] = &shownToast{id: id, buttons: t.Buttons}
		n.complained = false
	}
	n.keep() // before anybody knows that it is shown
	select {
	case n.delivered <- delivery{at, *t, err}:
	case <-ctx.Done():
	}
}

// show waits until the server answers, because a notification must not be sent twice when
// the server is only slow. It stops waiting when the server or ctx ends.
func (n *notifier) show(ctx context.Context, t Toast, was uint32) (uint32, error) {
	type answer struct {
		id  uint32
		err error
	}
	done := make(chan answer, 1)
	go func() {
		id, err := n.server.show(ctx, t, was)
		done <- answer{id, err}
	}()
	mute := time.NewTimer(toastTimeout)
	defer mute.Stop()
	for {
		select {
		case a := <-done:
			return a.id, a.err
		case <-mute.C:
			n.complain(ctx, context.DeadlineExceeded)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// complain logs the first failure after a success.
func (n *notifier) complain(ctx context.Context, err error) {
	if !n.complained && ctx.Err() == nil {
		n.log.Warn("notification not shown: the desktop does not answer or has nothing that shows it", "error", err)
	}
	n.complained = true
}

func (n *notifier) remove(ctx context.Context, at slot) {
	s := n.shown[at]
	if s == nil {
		return
	}
	delete(n.shown, at)
	if err := n.server.remove(ctx, s.id); err != nil {
		n.log.Debug("notification not taken away", "error", err)
	}
}

func (n *notifier) event(ctx context.Context, e toastEvent, ok bool) {
	if !ok || e.all { // a new server does not know our ids, and may use them for other notifications
		for at := range n.shown {
			n.tell(ctx, toastEnd{at, true})
		}
		clear(n.shown)
		n.server.release()
		return
	}
	for at, s := range n.shown {
		if s.id != e.id {
			continue
		}
		if e.button == "" {
			delete(n.shown, at)
			n.tell(ctx, toastEnd{at, false})
		}
		for _, b := range s.buttons {
			if b.key() != e.button {
				continue
			}
			select {
			case n.clicks <- b:
			default: // the queue is full; nobody clicks so often
			}
		}
	}
}

func (n *notifier) tell(ctx context.Context, e toastEnd) {
	select {
	case n.ends <- e:
	case <-ctx.Done():
	}
}
