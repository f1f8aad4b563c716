package push

import "pushd/internal/codec"

// The catalogue of what this package pushes to clients: each push is made from its
// entry here. They are variables because Go has no constants of such types. Nothing
// assigns to them, and what is in them can't be changed from here.
var (
	messagePush = codec.NewRawPushType("push", "Message",
		"What a backend sends, to the users, groups, topics, sessions or everybody that it named. `Data` is any object.").
		Remembered()

	topicMessagePush = codec.NewPushType[TopicMessage]("topic", "Message",
		"What a client published; to all subscribers, the publisher too unless it said `except_self`.").
		Remembered()
	topicPresencePush = codec.NewPushType[TopicDigest]("topic", "Presence",
		"Which users joined a topic and left it; to its subscribers, where `topics.presence` names a prefix of it.")

	onlinePush = codec.NewPushType[PresenceDigest]("presence", "Online",
		"Which users came online, and on which platforms; to who subscribed to their presence.")
	offlinePush = codec.NewPushType[PresenceDigest]("presence", "Offline",
		"Which users went offline, and on which platforms; to who subscribed to their presence.")
)

// Pushes lists the catalogue.
func Pushes() []codec.PushInfo {
	return []codec.PushInfo{
		messagePush.Info(), topicMessagePush.Info(), topicPresencePush.Info(), onlinePush.Info(), offlinePush.Info(),
	}
}
