package tray

import (
	"context"
	"fmt"

	"clawtray/supervisor"
)

// channelLines is how many channels the menu can show.
const channelLines = 10

// channelRows returns the row of the submenu with the channels. A click on a channel that
// is off starts it.
func channelRows() row {
	return row{id: "channels", when: (*view).channels, sub: []row{{id: "channel-", pool: channelLines, fill: (*view).channelEntries, what: startChannel}}}
}

func (v *view) channels(it *Item) { it.Disabled = len(v.s.Channels) == 0 }

func (v *view) channelEntries() []Item {
	var items []Item
	for _, c := range v.s.Channels {
		it := Item{Title: v.channel(c), Arg: c.ID + " " + c.Account, Disabled: true}
		if (c.State == supervisor.ChannelOff || c.State == supervisor.ChannelBroken) && v.running() {
			it.Title, it.Disabled = fmt.Sprintf(v.t.doing.Start, it.Title), false
		}
		it.Title = cut(plain(it.Title), maxLabel)
		items = append(items, it)
	}
	return items
}

func startChannel(ctx context.Context, d *deed) (string, error) {
	for _, c := range d.status.Channels {
		if c.ID+" "+c.Account == d.item.Arg && d.options.Actions.StartChannel != nil {
			return "", d.options.Actions.StartChannel(ctx, c.ID, c.Account)
		}
	}
	return "", errNotAvailable
}
