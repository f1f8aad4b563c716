package chat

var roleNames = [...]string{RoleMember: "member", RoleAdmin: "admin", RoleOwner: "owner"}

// roleBackend is what an API key with scope admin acts as: more than an owner.
const roleBackend = RoleOwner + 1

// String is the role's name, "" for none.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return ""
}

// MarshalText makes a role its name in JSON.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name. The error is a *codec.Error with code 400.
func (r *Role) UnmarshalText(text []byte) error {
	for role, name := range roleNames {
		if name != "" && name == string(text) {
			*r = Role(role)
			return nil
		}
	}
	return malformed("role is member or admin, not %.32q", text)
}
