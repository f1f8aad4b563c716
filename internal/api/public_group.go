package api

import "pushd/internal/chat"

// groupRoutes is what users reach of groups and friends.
func groupRoutes(s *chat.Service) []route {
	return []route{
		{method: "POST", path: "/api/v1/groups", handle: call(bound, s.GroupCreate)},
		{method: "GET", path: "/api/v1/groups", handle: call(bound, s.GroupList)},
		{method: "GET", path: "/api/v1/groups/{group}", handle: call(bound, s.GroupInfo)},
		{method: "PATCH", path: "/api/v1/groups/{group}", handle: call(bound, s.GroupUpdate)},
		{method: "DELETE", path: "/api/v1/groups/{group}", handle: call(bound, s.GroupDismiss)},
		{method: "POST", path: "/api/v1/groups/{group}/join", handle: call(bound, s.GroupJoin)},
		{method: "POST", path: "/api/v1/groups/{group}/leave", handle: call(bound, s.GroupLeave)},
		{method: "POST", path: "/api/v1/groups/{group}/transfer", handle: call(bound, s.GroupTransfer)},
		{method: "PUT", path: "/api/v1/groups/{group}/remark", handle: call(bound, s.GroupRemark)},
		{method: "GET", path: "/api/v1/groups/{group}/members", handle: call(bound, s.GroupMembers)},
		{method: "POST", path: "/api/v1/groups/{group}/members", handle: call(bound, s.GroupInvite)},
		{method: "DELETE", path: "/api/v1/groups/{group}/members/{user}", handle: call(bound, s.GroupRemove)},
		{method: "PUT", path: "/api/v1/groups/{group}/members/{user}/role", handle: call(bound, s.GroupSetRole)},
		{method: "PUT", path: "/api/v1/groups/{group}/members/{user}/mute", handle: call(bound, s.GroupMute)},
		{method: "GET", path: "/api/v1/groups/{group}/requests", handle: call(bound, s.GroupRequests)},
		{method: "POST", path: "/api/v1/groups/{group}/requests/{user}", handle: call(bound, s.GroupAnswer)},

		{method: "GET", path: "/api/v1/friends", handle: call(bound, s.FriendList)},
		{method: "POST", path: "/api/v1/friends", handle: call(bound, s.FriendRequest)},
		{method: "DELETE", path: "/api/v1/friends/{user}", handle: call(bound, s.FriendRemove)},
		{method: "POST", path: "/api/v1/friends/{user}/accept", handle: call(bound, s.FriendAccept)},
		{method: "POST", path: "/api/v1/friends/{user}/refuse", handle: call(bound, s.FriendRefuse)},
		{method: "PUT", path: "/api/v1/friends/{user}/remark", handle: call(bound, s.FriendRemark)},
		{method: "PUT", path: "/api/v1/friends/{user}/block", handle: call(bound, s.FriendBlock)},
	}
}

// groupAdminRoutes is what backends reach of them, beside the four of package push
// that also work without a store.
func groupAdminRoutes(s *chat.Service) []route {
	return []route{
		{method: "POST", path: "/api/groups", handle: call(bound, s.GroupCreate), logged: true},
		{method: "GET", path: "/api/groups", handle: call(bound, s.GroupList), logged: true},
		{method: "PATCH", path: "/api/groups/{group}", handle: call(bound, s.GroupUpdate), logged: true},
		{method: "GET", path: "/api/groups/{group}/info", handle: call(bound, s.GroupInfo), logged: true},
		{method: "POST", path: "/api/groups/{group}/transfer", handle: call(bound, s.GroupTransfer), logged: true},
		{method: "GET", path: "/api/groups/{group}/members", handle: call(bound, s.GroupMembers), logged: true},
		{method: "POST", path: "/api/groups/{group}/members", handle: call(bound, s.GroupInvite), logged: true},
		{method: "POST", path: "/api/groups/{group}/remove", handle: call(bound, s.GroupRemove), logged: true},
		{method: "DELETE", path: "/api/groups/{group}/members/{user}", handle: call(bound, s.GroupRemove), logged: true},
		{method: "PUT", path: "/api/groups/{group}/members/{user}/role", handle: call(bound, s.GroupSetRole), logged: true},
		{method: "PUT", path: "/api/groups/{group}/members/{user}/mute", handle: call(bound, s.GroupMute), logged: true},
		{method: "PUT", path: "/api/groups/{group}/members/{as}/remark", handle: call(bound, s.GroupRemark), logged: true},
		{method: "GET", path: "/api/groups/{group}/requests", handle: call(bound, s.GroupRequests), logged: true},
		{method: "POST", path: "/api/groups/{group}/requests/{user}", handle: call(bound, s.GroupAnswer), logged: true},

		{method: "GET", path: "/api/users/{as}/friends", handle: call(bound, s.FriendList), logged: true},
		{method: "POST", path: "/api/users/{as}/friends", handle: call(bound, s.FriendRequest), logged: true},
		{method: "DELETE", path: "/api/users/{as}/friends/{user}", handle: call(bound, s.FriendRemove), logged: true},
		{method: "POST", path: "/api/users/{as}/friends/{user}/accept", handle: call(bound, s.FriendAccept), logged: true},
		{method: "POST", path: "/api/users/{as}/friends/{user}/refuse", handle: call(bound, s.FriendRefuse), logged: true},
		{method: "PUT", path: "/api/users/{as}/friends/{user}/remark", handle: call(bound, s.FriendRemark), logged: true},
		{method: "PUT", path: "/api/users/{as}/friends/{user}/block", handle: call(bound, s.FriendBlock), logged: true},
	}
}
