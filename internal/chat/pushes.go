package chat

import "pushd/internal/codec"

// The catalogue of what this package pushes to clients: each push is made from its
// entry here. They are variables because Go has no constants of such types. Nothing
// assigns to them, and what is in them can't be changed from here.
var (
	messagePush = codec.NewPushType[Message]("chat", "Message",
		"A message, to everybody in its conversation, on all of their devices but the one that sent it.")
	editedPush = codec.NewPushType[Edited]("chat", "Edited",
		"A message was edited; to everybody who can read it. The message is as it is now.")
	recalledPush = codec.NewPushType[Recalled]("chat", "Recalled",
		"A message was recalled; to everybody in its conversation.")
	reactionPush = codec.NewPushType[Reacted]("chat", "Reaction",
		"A user reacted to a message, or took that back; to everybody who can read it.")
	receiptPush = codec.NewPushType[Receipt]("chat", "Receipt",
		"How far a user has received or read. In a single chat to the other user; "+
			"in a group of at most 200 members to those who wrote what was newly read.")
	typingPush = codec.NewPushType[Typing]("chat", "Typing",
		"A user is writing; to the others in the conversation, groups of at most 200 members.")
	readPush = codec.NewPushType[MarkReply]("chat", "Read",
		"How far the user has read on another device; to the user's own other devices, "+
			"so that what is unread falls there too.")
	canceledPush = codec.NewPushType[MarkReply]("chat", "Canceled",
		"Messages with `one_device` up to `seq` need no attention any more; to the user's own other devices.")
	deletedPush = codec.NewPushType[Deleted]("chat", "Deleted",
		"The user deleted messages for themselves; to the user's own other devices.")
	hiddenPush = codec.NewPushType[Hidden]("chat", "Hidden",
		"The user took a conversation off their list; to the user's own other devices.")

	groupJoinedPush = codec.NewPushType[GroupJoined]("group", "Joined",
		"Users came into the group; to all members, the new ones too.")
	groupLeftPush = codec.NewPushType[GroupLeft]("group", "Left",
		"Users left the group or were removed; to all members, and to those who are out, each told of themselves.")
	groupChangedPush = codec.NewPushType[GroupChanged]("group", "Changed",
		"The group is different (`info`), or one member's role, mute or remark (`member`); to all members. "+
			"When `info` has another `owner`, the one before is an admin.")
	groupDismissedPush = codec.NewPushType[GroupEvent]("group", "Dismissed",
		"The group is no more; to all who were members.")
	groupRequestedPush = codec.NewPushType[GroupRequested]("group", "Requested",
		"A user asks to join; to the owner and the admins.")
	groupRefusedPush = codec.NewPushType[GroupEvent]("group", "Refused",
		"The user's request to join was refused; to who had asked.")

	friendRequestedPush = codec.NewPushType[FriendRequested]("friend", "Requested",
		"One of the two asked to be friends; to both.")
	friendAcceptedPush = codec.NewPushType[FriendEvent]("friend", "Accepted",
		"The two are friends; to both.")
	friendRefusedPush = codec.NewPushType[FriendEvent]("friend", "Refused",
		"A request was refused; to both.")
	friendRemovedPush = codec.NewPushType[FriendEvent]("friend", "Removed",
		"A friendship ended, or a request was taken back; to both.")
	friendChangedPush = codec.NewPushType[FriendChanged]("friend", "Changed",
		"The user's own entry is different, after `Remark` or `Block`; to the user's own other devices.")
)

// Pushes lists the catalogue.
func Pushes() []codec.PushInfo {
	return []codec.PushInfo{
		messagePush.Info(), editedPush.Info(), recalledPush.Info(), reactionPush.Info(), receiptPush.Info(),
		typingPush.Info(), readPush.Info(), canceledPush.Info(), deletedPush.Info(), hiddenPush.Info(),

		groupJoinedPush.Info(), groupLeftPush.Info(), groupChangedPush.Info(),
		groupDismissedPush.Info(), groupRequestedPush.Info(), groupRefusedPush.Info(),

		friendRequestedPush.Info(), friendAcceptedPush.Info(), friendRefusedPush.Info(),
		friendRemovedPush.Info(), friendChangedPush.Info(),
	}
}
