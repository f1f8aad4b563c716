package permissiontest

// Actors are the columns of the table.
var Actors = []string{
	"owner", "admin", "member", "muted", "blocked", // in the group
	"stranger", "removed", "peer", // not in it
	"nobody", "key admin", "key push", "key read",
}

// About says who an actor is; docs/permissions.md repeats it.
var About = map[string]string{
	"owner":     "owns the group",
	"admin":     "is an admin of the group",
	"member":    "is a member of the group",
	"muted":     "is a member of the group who is muted",
	"blocked":   "is a member of the group, and blocked by another member",
	"stranger":  "was never in the group",
	"removed":   "was in the group and was removed",
	"peer":      "is the other one in a single chat with a member, and not in the group",
	"nobody":    "has not logged in, or comes without a token",
	"key admin": "is an API key with scope admin",
	"key push":  "is an API key with scope push",
	"key read":  "is an API key with scope read",
}

// Scene is what is done before each cell.
var Scene = []Call{
	{Actor: "key admin", Action: "group.Create", Data: `{
		"id":"<group>","name":"The group","owner":"<owner>","join":"approval",
		"members":["<admin>","<member>","<muted>","<blocked>","<removed>","<target>","<deputy>"]}`},
	{Actor: "owner", Action: "group.SetRole", Data: `{"group":"<group>","user":"<admin>","role":"admin"}`},
	{Actor: "owner", Action: "group.SetRole", Data: `{"group":"<group>","user":"<deputy>","role":"admin"}`},
	{Actor: "owner", Action: "group.Mute", Data: `{"group":"<group>","user":"<muted>","seconds":3600}`},
	{Actor: "owner", Action: "group.Remove", Data: `{"group":"<group>","user":"<removed>"}`},
	{Actor: "target", Action: "friend.Block", Data: `{"user":"<blocked>"}`},
}

// What rows do before their own request.
var (
	open   = Call{Actor: "owner", Action: "group.Update", Data: `{"group":"<group>","join":"open"}`}
	invite = Call{Actor: "owner", Action: "group.Update", Data: `{"group":"<group>","join":"invite"}`}
	asks   = Call{Actor: "asker", Action: "group.Join", Data: `{"group":"<group>"}`}
	suit   = Call{Actor: "suitor", Action: "friend.Request", Data: `{"user":"<me>"}`, OnlyUsers: true}
	hush   = Call{Actor: "owner", Action: "group.Update", Data: `{"group":"<group>","muted":true}`}
	said   = Call{
		Actor: "target", Action: "chat.Send",
		Data: `{"to":"group:<group>","type":"text","text":"hi"}`, Save: "message",
	}
	wrote = Call{
		Actor: "target", Action: "chat.Send",
		Data: `{"to":"user:<peer>","type":"text","text":"hi"}`, Save: "message",
	}
)

// What the group and a single chat of target with peer are as conversations.
const (
	inGroup  = `"conv":"g:<group>"`
	inSingle = `"conv":"s:<peer>:<target>"`
)

// Rows are the table. Want has a code for each of Actors: 200, or that of the error.
var Rows = []Row{
	{
		Action: "group.Create", Data: `{"name":"mine"}`,
		Want: `200 200 200 200 200 200 200 200 401 200 403 403`,
	},
	{
		Action: "group.Create", Note: "with an id or an owner", Data: `{"id":"<group>-2","owner":"<member>"}`,
		Want: `403 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.List", Data: `{}`,
		Want: `200 200 200 200 200 200 200 200 401 200 403 403`,
	},
	{
		Action: "group.List", Note: "of another user", Data: `{"user":"<target>"}`,
		Want: `403 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Info", Note: "of a group that one can ask to join", Data: `{"group":"<group>"}`,
		Want: `200 200 200 200 200 200 200 200 401 200 403 403`,
	},
	{
		Action: "group.Info", Note: "of a group by invitation", Before: []Call{invite}, Data: `{"group":"<group>"}`,
		Want: `200 200 200 200 200 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Members", Data: `{"group":"<group>"}`,
		Want: `200 200 200 200 200 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Update", Note: "name, notice, avatar, muted",
		Data: `{"group":"<group>","name":"new","notice":"n","avatar":"https://a.example/","muted":true}`,
		Want: `200 200 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Update", Note: "join, limit", Data: `{"group":"<group>","join":"open","limit":100}`,
		Want: `200 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Join", Note: "open", Before: []Call{open}, Data: `{"group":"<group>"}`,
		Want: `200 200 200 200 200 200 200 200 401 403 403 403`,
	},
	{
		Action: "group.Join", Note: "by approval: asks", Data: `{"group":"<group>"}`,
		Want: `200 200 200 200 200 200 200 200 401 403 403 403`,
	},
	{
		Action: "group.Join", Note: "by invitation", Before: []Call{invite}, Data: `{"group":"<group>"}`,
		Want: `200 200 200 200 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "group.Requests", Data: `{"group":"<group>"}`,
		Want: `200 200 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Answer", Before: []Call{asks}, Data: `{"group":"<group>","user":"<asker>","accept":true}`,
		Want: `200 200 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Invite", Note: "open", Before: []Call{open}, Data: `{"group":"<group>","users":["<outsider>"]}`,
		Want: `200 200 200 200 200 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Invite", Note: "by approval or invitation", Data: `{"group":"<group>","users":["<outsider>"]}`,
		Want: `200 200 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Invite", Note: "who has blocked the caller", Data: `{"group":"<group>","users":["<hermit>"]}`,
		Before: []Call{open, {Actor: "hermit", Action: "friend.Block", Data: `{"user":"<me>"}`, OnlyUsers: true}},
		Want:   `403 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Leave", Data: `{"group":"<group>"}`,
		Want: `409 200 200 200 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "group.Remove", Note: "a member", Data: `{"group":"<group>","user":"<target>"}`,
		Want: `200 200 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Remove", Note: "another admin", Data: `{"group":"<group>","user":"<deputy>"}`,
		Want: `200 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Remove", Note: "the owner", Data: `{"group":"<group>","user":"<owner>"}`,
		Want: `409 403 403 403 403 403 403 403 401 409 403 403`,
	},
	{
		Action: "group.SetRole", Data: `{"group":"<group>","user":"<target>","role":"admin"}`,
		Want: `200 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.SetRole", Note: "of the owner", Data: `{"group":"<group>","user":"<owner>","role":"member"}`,
		Want: `409 403 403 403 403 403 403 403 401 409 403 403`,
	},
	{
		Action: "group.Transfer", Data: `{"group":"<group>","user":"<target>"}`,
		Want: `200 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Mute", Note: "a member", Data: `{"group":"<group>","user":"<target>","seconds":60}`,
		Want: `200 200 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Mute", Note: "another admin", Data: `{"group":"<group>","user":"<deputy>","seconds":60}`,
		Want: `200 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Mute", Note: "the owner", Data: `{"group":"<group>","user":"<owner>","seconds":60}`,
		Want: `409 403 403 403 403 403 403 403 401 409 403 403`,
	},
	{
		Action: "group.Remark", Note: "one's own", Data: `{"group":"<group>","remark":"r"}`,
		Want: `200 200 200 200 200 403 403 403 401 400 403 403`,
	},
	{
		Action: "group.Remark", Note: "another member's", Data: `{"group":"<group>","as":"<target>","remark":"r"}`,
		Want: `403 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "group.Dismiss", Data: `{"group":"<group>"}`,
		Want: `200 403 403 403 403 403 403 403 401 200 403 403`,
	},

	{
		Action: "friend.Request", Data: `{"user":"<outsider>"}`,
		Want: `200 200 200 200 200 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.Request", Note: "to a user who has blocked one caller", Data: `{"user":"<target>"}`,
		Want: `200 200 200 200 403 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.Request", Note: "as another user", Data: `{"as":"<target>","user":"<outsider>"}`,
		Want: `403 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "friend.Accept", Before: []Call{suit}, Data: `{"user":"<suitor>"}`,
		Want: `200 200 200 200 200 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.Accept", Note: "what was never asked", Data: `{"user":"<outsider>"}`,
		Want: `404 404 404 404 404 404 404 404 401 400 403 403`,
	},
	{
		Action: "friend.Refuse", Before: []Call{suit}, Data: `{"user":"<suitor>"}`,
		Want: `200 200 200 200 200 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.Remove", Before: []Call{suit}, Data: `{"user":"<suitor>"}`,
		Want: `200 200 200 200 200 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.Remark", Before: []Call{suit}, Data: `{"user":"<suitor>","remark":"r"}`,
		Want: `200 200 200 200 200 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.Block", Data: `{"user":"<outsider>"}`,
		Want: `200 200 200 200 200 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.List", Data: `{}`,
		Want: `200 200 200 200 200 200 200 200 401 400 403 403`,
	},
	{
		Action: "friend.List", Note: "of another user", Data: `{"as":"<target>"}`,
		Want: `403 403 403 403 403 403 403 403 401 200 403 403`,
	},

	{
		Action: "chat.Send", Note: "to the group", Data: `{"to":"group:<group>","type":"text","text":"hi"}`,
		Want: `200 200 200 403 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Send", Note: "to the group while it is muted", Before: []Call{hush},
		Data: `{"to":"group:<group>","type":"text","text":"hi"}`,
		Want: `200 200 403 403 403 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Send", Note: "to a user who has blocked one caller",
		Data: `{"to":"user:<target>","type":"text","text":"hi"}`,
		Want: `200 200 200 200 403 200 200 200 401 403 403 403`,
	},
	{
		Action: "chat.History", Note: "of the group", Before: []Call{said}, Data: `{` + inGroup + `}`,
		Want: `200 200 200 200 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.History", Note: "of a single chat", Before: []Call{wrote}, Data: `{` + inSingle + `}`,
		Want: `403 403 403 403 403 403 403 200 401 403 403 403`,
	},
	{
		Action: "chat.Read", Note: "in the group", Before: []Call{said}, Data: `{` + inGroup + `,"seq":1}`,
		Want: `200 200 200 200 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Delivered", Note: "in a single chat", Before: []Call{wrote}, Data: `{` + inSingle + `,"seq":1}`,
		Want: `403 403 403 403 403 403 403 200 401 403 403 403`,
	},
	{
		Action: "chat.Readers", Note: "in the group", Before: []Call{said}, Data: `{` + inGroup + `,"seq":1}`,
		Want: `200 200 200 200 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Recall", Note: "a member's message in the group", Before: []Call{said}, Data: `{"id":"<message>"}`,
		Want: `200 200 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "chat.Recall", Note: "the other one's in a single chat", Before: []Call{wrote}, Data: `{"id":"<message>"}`,
		Want: `403 403 403 403 403 403 403 403 401 200 403 403`,
	},
	{
		Action: "chat.Edit", Note: "another's message in the group", Before: []Call{said},
		Data: `{"id":"<message>","type":"text","text":"x"}`,
		Want: `403 403 403 403 403 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Edit", Note: "the other one's in a single chat", Before: []Call{wrote},
		Data: `{"id":"<message>","type":"text","text":"x"}`,
		Want: `403 403 403 403 403 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Versions", Note: "of a message in the group", Before: []Call{said}, Data: `{"id":"<message>"}`,
		Want: `200 200 200 200 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.React", Note: "to a message in the group", Before: []Call{said}, Data: `{"id":"<message>","sign":"+1"}`,
		Want: `200 200 200 403 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.React", Note: "to a message in a single chat", Before: []Call{wrote},
		Data: `{"id":"<message>","sign":"+1"}`,
		Want: `403 403 403 403 403 403 403 200 401 403 403 403`,
	},
	{
		Action: "chat.Typing", Note: "in the group", Data: `{` + inGroup + `}`,
		Want: `200 200 200 403 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Delete", Note: "for oneself, in the group", Before: []Call{said}, Data: `{` + inGroup + `,"seqs":[1]}`,
		Want: `200 200 200 200 200 403 403 403 401 403 403 403`,
	},
	{
		Action: "chat.Hide", Note: "the group", Before: []Call{said}, Data: `{` + inGroup + `}`,
		Want: `200 200 200 200 200 403 403 403 401 403 403 403`,
	},
}
