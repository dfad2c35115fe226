// Package users discovers the accounts and groups of a system and the state of
// their passwords. Hashes never leave the machine: of a password only the kind
// of hash is told.
package users

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "users".
var Type = discovery.Type{
	Name:    "users",
	Short:   "accounts and groups, and the state of their passwords, without hashes",
	Every:   time.Hour,
	Files:   []string{"/etc/passwd", "/etc/group", "/etc/shadow"},
	Needs:   []string{"root: the state of passwords is not known"},
	Secret:  true,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/etc/passwd", "/etc/group", "/etc/shadow"},
		Keys: []discovery.Field{
			{Key: "users[].name", Meaning: "login name"},
			{Key: "users[].uid", Meaning: "number"},
			{Key: "users[].gid", Meaning: "number of the first group"},
			{Key: "users[].comment", Meaning: "full name and the like"},
			{Key: "users[].home", Meaning: "home directory"},
			{Key: "users[].shell", Meaning: "login shell"},
			{Key: "users[].password", Meaning: "set, locked (set, but switched off), none (no password opens it), empty (none is asked for)"},
			{Key: "users[].hash", Meaning: "kind of hash: yescrypt, sha512, sha256, bcrypt, md5, des, ..."},
			{Key: "users[].changed_day", Meaning: "day of the last change, counted from 1970-01-01"},
			{Key: "users[].min_days, max_days, warn_days, inactive_days, expires_day", Meaning: "ages of the password in days (shadow(5)); absent when not set"},
			{Key: "groups[].name", Meaning: "group name"},
			{Key: "groups[].gid", Meaning: "number"},
			{Key: "groups[].members[]", Meaning: "login names, besides those whose first group it is"},
			{Key: "errors[]", Meaning: "files that could not be read"},
			{Key: "truncated", Meaning: "true when there were more accounts than the limit of 16384"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Users     []User   `json:"users"`
	Groups    []Group  `json:"groups"`
	Errors    []string `json:"errors,omitempty"`
	Truncated bool     `json:"truncated,omitempty"`
}

// User is one account.
type User struct {
	Name     string `json:"name"`
	UID      int64  `json:"uid"`
	GID      int64  `json:"gid"`
	Comment  string `json:"comment,omitempty"`
	Home     string `json:"home"`
	Shell    string `json:"shell"`
	Password string `json:"password,omitempty"`
	Hash     string `json:"hash,omitempty"`

	ChangedDay   *int64 `json:"changed_day,omitempty"`
	MinDays      *int64 `json:"min_days,omitempty"`
	MaxDays      *int64 `json:"max_days,omitempty"`
	WarnDays     *int64 `json:"warn_days,omitempty"`
	InactiveDays *int64 `json:"inactive_days,omitempty"`
	ExpiresDay   *int64 `json:"expires_day,omitempty"`
}

// Group is one group.
type Group struct {
	Name    string   `json:"name"`
	GID     int64    `json:"gid"`
	Members []string `json:"members,omitempty"`
}

// maxEntries bounds users and groups each.
const maxEntries = 16384

func collect(_ context.Context, h discovery.Host) (any, error) {
	passwd, err := conf.Read(h, "etc/passwd")
	if errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	doc := &Payload{}
	doc.note(err)
	doc.Users = parsePasswd(passwd)
	group, err := conf.Read(h, "etc/group")
	doc.note(err)
	doc.Groups = parseGroup(group)
	shadow, err := conf.Read(h, "etc/shadow")
	doc.note(err)
	addShadow(doc.Users, shadow)
	if len(doc.Users) > maxEntries || len(doc.Groups) > maxEntries {
		doc.Users, doc.Groups = doc.Users[:min(len(doc.Users), maxEntries)], doc.Groups[:min(len(doc.Groups), maxEntries)]
		doc.Truncated = true
	}
	return doc, nil
}

func (p *Payload) note(err error) {
	if err != nil && !errors.Is(err, discovery.ErrNotHere) {
		p.Errors = append(p.Errors, err.Error())
	}
}

// parsePasswd reads name:x:uid:gid:comment:home:shell (passwd(5)).
func parsePasswd(text string) []User {
	list := []User{}
	for _, line := range conf.Lines(text) {
		f := strings.Split(line, ":")
		if len(f) != 7 || f[0] == "" || strings.HasPrefix(f[0], "+") {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		u := User{Name: f[0], UID: int64(uid), GID: int64(gid), Comment: strings.TrimRight(f[4], ","), Home: f[5], Shell: f[6]}
		// "x" sends to shadow; anything else is the password field itself.
		if f[1] != "x" {
			u.Password, u.Hash = state(f[1])
		}
		list = append(list, u)
	}
	discovery.SortStable(list, func(a, b User) int { return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Name, b.Name)) })
	return list
}

func parseGroup(text string) []Group {
	list := []Group{}
	for _, line := range conf.Lines(text) {
		f := strings.Split(line, ":")
		if len(f) != 4 || f[0] == "" || strings.HasPrefix(f[0], "+") {
			continue
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		g := Group{Name: f[0], GID: int64(gid)}
		for m := range strings.SplitSeq(f[3], ",") {
			if m != "" {
				g.Members = append(g.Members, m)
			}
		}
		slices.Sort(g.Members)
		list = append(list, g)
	}
	discovery.SortStable(list, func(a, b Group) int { return cmp.Or(cmp.Compare(a.GID, b.GID), cmp.Compare(a.Name, b.Name)) })
	return list
}

// addShadow reads name:hash:changed:min:max:warn:inactive:expires: (shadow(5)).
func addShadow(users []User, text string) {
	byName := map[string]*User{}
	for i := range users {
		byName[users[i].Name] = &users[i]
	}
	for _, line := range conf.Lines(text) {
		f := strings.Split(line, ":")
		u := byName[f[0]]
		if len(f) < 8 || u == nil {
			continue
		}
		u.Password, u.Hash = state(f[1])
		for i, field := range []**int64{&u.ChangedDay, &u.MinDays, &u.MaxDays, &u.WarnDays, &u.InactiveDays, &u.ExpiresDay} {
			if n, err := strconv.ParseInt(f[2+i], 10, 32); err == nil {
				*field = &n
			}
		}
	}
}

// hashes are the kinds of hashes by how they begin (crypt(5)).
var hashes = []struct{ prefix, kind string }{
	{"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"}, {"$7$", "scrypt"}, {"$6$", "sha512"}, {"$5$", "sha256"},
	{"$2a$", "bcrypt"}, {"$2b$", "bcrypt"}, {"$2x$", "bcrypt"}, {"$2y$", "bcrypt"}, {"$sha1", "sha1"}, {"$md5", "sun-md5"}, {"$1$", "md5"}, {"$3$", "nt"}, {"_", "bsdi"},
}

// state says what a password field means, and of a hash nothing but its kind.
func state(field string) (password, hash string) {
	locked := strings.HasPrefix(field, "!")
	field = strings.TrimLeft(field, "!")
	switch {
	case field == "" && locked, field == "*", field == "x", field == "NP", field == "*LK*":
		return "none", ""
	case field == "":
		return "empty", ""
	}
	hash = "unknown"
	for _, h := range hashes {
		if strings.HasPrefix(field, h.prefix) {
			hash = h.kind
			break
		}
	}
	if hash == "unknown" && len(field) == 13 {
		hash = "des"
	}
	if locked {
		return "locked", hash
	}
	return "set", hash
}
