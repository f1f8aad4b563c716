package config

import (
	"time"

	"pushd/internal/chat"
)

// ChatConfig is about conversations, groups and friends.
type ChatConfig struct {
	MaxText      Size
	MaxData      Size
	RecallWindow time.Duration
	EditWindow   time.Duration
	GroupLimit   int
	GroupMax     int
	GroupsOwned  int
	GroupsIn     int
	Friends      int
	FriendsOnly  bool
}

func chatSection(c *Config) []option {
	d := chat.Options{}.WithDefaults()
	return []option{
		opt("chat.max-text", &c.Chat.MaxText, Size(d.MaxText), option{
			min: "1B", max: "1MiB",
			usage: "Size of a text.",
		}),
		opt("chat.max-data", &c.Chat.MaxData, Size(d.MaxData), option{
			min: "2B", max: "1MiB",
			usage: "Size of a custom message's object.",
		}),
		opt("chat.recall-window", &c.Chat.RecallWindow, d.RecallWindow, option{
			min: "1s", max: "8760h",
			usage: "Time within which a sender can recall a message. A group's owner and admins can at any time.",
		}),
		opt("chat.edit-window", &c.Chat.EditWindow, d.EditWindow, option{
			min: "1s", max: "8760h",
			usage: "Time within which a sender can edit a message.",
		}),
		opt("chat.group-limit", &c.Chat.GroupLimit, d.GroupLimit, option{
			min: "2", max: "100000",
			usage: "Members of a new group.",
		}),
		opt("chat.group-max", &c.Chat.GroupMax, d.MaxGroup, option{
			min: "2", max: "100000",
			usage: "The most that a group's owner can raise its limit to.",
		}),
		opt("chat.groups-owned", &c.Chat.GroupsOwned, d.GroupsOwned, option{
			min: "1", max: "1000000",
			usage: "Groups that one user can own.",
		}),
		opt("chat.groups-in", &c.Chat.GroupsIn, d.GroupsIn, option{
			min: "1", max: "1000000",
			usage: "Groups that one user can be in.",
		}),
		opt("chat.friends", &c.Chat.Friends, d.MaxFriends, option{
			min: "1", max: "1000000",
			usage: "Entries in one user's list of friends and blocks.",
		}),
		opt("chat.friends-only", &c.Chat.FriendsOnly, d.FriendsOnly, option{
			usage: "Single chat is for friends alone.",
		}),
	}
}

// ChatOptions are the options of the chat service but for its clock and log.
func (c *Config) ChatOptions() chat.Options {
	o := c.Chat
	return chat.Options{
		MaxText: int(o.MaxText), MaxData: int(o.MaxData), RecallWindow: o.RecallWindow, EditWindow: o.EditWindow,
		GroupLimit: o.GroupLimit, MaxGroup: o.GroupMax, GroupsOwned: o.GroupsOwned, GroupsIn: o.GroupsIn,
		MaxFriends: o.Friends, FriendsOnly: o.FriendsOnly,
	}
}
