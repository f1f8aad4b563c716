package api

import "pushd/internal/chat"

// groupRoutes is what users reach of groups and friends.
func groupRoutes(s *chat.Service) []route {
	return []route{
		{method: "POST", path: "/api/v1/groups", handle: call(bind, s.GroupCreate)},
		{method: "GET", path: "/api/v1/groups", handle: call(bind, s.GroupList)},
		{method: "GET", path: "/api/v1/groups/{group}", handle: call(bind, s.GroupInfo)},
		{method: "PATCH", path: "/api/v1/groups/{group}", handle: call(bind, s.GroupUpdate)},
		{method: "DELETE", path: "/api/v1/groups/{group}", handle: call(bind, s.GroupDismiss)},
		{method: "POST", path: "/api/v1/groups/{group}/join", handle: call(bind, s.GroupJoin)},
		{method: "POST", path: "/api/v1/groups/{group}/leave", handle: call(bind, s.GroupLeave)},
		{method: "POST", path: "/api/v1/groups/{group}/transfer", handle: call(bind, s.GroupTransfer)},
		{method: "PUT", path: "/api/v1/groups/{group}/remark", handle: call(bind, s.GroupRemark)},
		{method: "GET", path: "/api/v1/groups/{group}/members", handle: call(bind, s.GroupMembers)},
		{method: "POST", path: "/api/v1/groups/{group}/members", handle: call(bind, s.GroupInvite)},
		{method: "DELETE", path: "/api/v1/groups/{group}/members/{user}", handle: call(bind, s.GroupRemove)},
		{method: "PUT", path: "/api/v1/groups/{group}/members/{user}/role", handle: call(bind, s.GroupSetRole)},
		{method: "PUT", path: "/api/v1/groups/{group}/members/{user}/mute", handle: call(bind, s.GroupMute)},
		{method: "GET", path: "/api/v1/groups/{group}/requests", handle: call(bind, s.GroupRequests)},
		{method: "POST", path: "/api/v1/groups/{group}/requests/{user}", handle: call(bind, s.GroupAnswer)},

		{method: "GET", path: "/api/v1/friends", handle: call(bind, s.FriendList)},
		{method: "POST", path: "/api/v1/friends", handle: call(bind, s.FriendRequest)},
		{method: "DELETE", path: "/api/v1/friends/{user}", handle: call(bind, s.FriendRemove)},
		{method: "POST", path: "/api/v1/friends/{user}/accept", handle: call(bind, s.FriendAccept)},
		{method: "POST", path: "/api/v1/friends/{user}/refuse", handle: call(bind, s.FriendRefuse)},
		{method: "PUT", path: "/api/v1/friends/{user}/remark", handle: call(bind, s.FriendRemark)},
		{method: "PUT", path: "/api/v1/friends/{user}/block", handle: call(bind, s.FriendBlock)},
	}
}

// chatGroupAdminRoutes is what backends reach of them, beside what groupAdminRoutes
// has without a store too.
func chatGroupAdminRoutes(s *chat.Service) []route {
	return []route{
		{method: "POST", path: "/api/groups", handle: call(bind, s.GroupCreate), logged: true},
		{method: "GET", path: "/api/groups", handle: call(bind, s.GroupList), logged: true},
		{method: "PATCH", path: "/api/groups/{group}", handle: call(bind, s.GroupUpdate), logged: true},
		{method: "GET", path: "/api/groups/{group}/info", handle: call(bind, s.GroupInfo), logged: true},
		{method: "POST", path: "/api/groups/{group}/transfer", handle: call(bind, s.GroupTransfer), logged: true},
		{method: "GET", path: "/api/groups/{group}/members", handle: call(bind, s.GroupMembers), logged: true},
		{method: "POST", path: "/api/groups/{group}/members", handle: call(bind, s.GroupInvite), logged: true},
		{method: "POST", path: "/api/groups/{group}/remove", handle: call(bind, s.GroupRemove), logged: true},
		{method: "DELETE", path: "/api/groups/{group}/members/{user}", handle: call(bind, s.GroupRemove), logged: true},
		{method: "PUT", path: "/api/groups/{group}/members/{user}/role", handle: call(bind, s.GroupSetRole), logged: true},
		{method: "PUT", path: "/api/groups/{group}/members/{user}/mute", handle: call(bind, s.GroupMute), logged: true},
		{method: "PUT", path: "/api/groups/{group}/members/{as}/remark", handle: call(bind, s.GroupRemark), logged: true},
		{method: "GET", path: "/api/groups/{group}/requests", handle: call(bind, s.GroupRequests), logged: true},
		{method: "POST", path: "/api/groups/{group}/requests/{user}", handle: call(bind, s.GroupAnswer), logged: true},

		{method: "GET", path: "/api/users/{as}/friends", handle: call(bind, s.FriendList), logged: true},
		{method: "POST", path: "/api/users/{as}/friends", handle: call(bind, s.FriendRequest), logged: true},
		{method: "DELETE", path: "/api/users/{as}/friends/{user}", handle: call(bind, s.FriendRemove), logged: true},
		{method: "POST", path: "/api/users/{as}/friends/{user}/accept", handle: call(bind, s.FriendAccept), logged: true},
		{method: "POST", path: "/api/users/{as}/friends/{user}/refuse", handle: call(bind, s.FriendRefuse), logged: true},
		{method: "PUT", path: "/api/users/{as}/friends/{user}/remark", handle: call(bind, s.FriendRemark), logged: true},
		{method: "PUT", path: "/api/users/{as}/friends/{user}/block", handle: call(bind, s.FriendBlock), logged: true},
	}
}
