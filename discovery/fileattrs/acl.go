package fileattrs

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Access control lists as the kernel hands them out (acl(5), linux/posix_acl_xattr.h),
// little-endian:
//
//	| version 2 (4) | tag (2) perm (2) id (4) | tag perm id | ...
const (
	aclVersion = 2
	aclHeader  = 4
	aclEntry   = 8
	aclNamed   = 0x02 | 0x08 // tags whose id says who
)

// aclTags are the kinds of entries; those of owner and others name nobody.
var aclTags = map[uint16]string{0x01: "user", 0x02: "user", 0x04: "group", 0x08: "group", 0x10: "mask", 0x20: "other"}

// aclText writes the access control list of a file as getfacl does, with commas for new
// lines: "user::rw-,user:lisa:r--,group::r--,mask::r--,other::---", which
// setfacl takes.
func aclText(name string, list []byte, users, groups map[string]string) (string, error) {
	if len(list) < aclHeader || (len(list)-aclHeader)%aclEntry != 0 || binary.LittleEndian.Uint32(list) != aclVersion {
		return "", fmt.Errorf("/%s: an access control list of %d bytes is not of version %d", name, len(list), aclVersion)
	}
	var text []string
	for e := list[aclHeader:]; len(e) > 0; e = e[aclEntry:] {
		tag, perm, id := binary.LittleEndian.Uint16(e), binary.LittleEndian.Uint16(e[2:]), binary.LittleEndian.Uint32(e[4:])
		kind, who := aclTags[tag], ""
		switch {
		case kind == "":
			return "", fmt.Errorf("/%s: an access control list has an entry of kind %d", name, tag)
		case tag&aclNamed == 0:
		case kind == "user":
			who = named(users, id)
		default:
			who = named(groups, id)
		}
		text = append(text, kind+":"+who+":"+rwx(perm))
	}
	return strings.Join(text, ","), nil
}

func rwx(perm uint16) string {
	letters := []byte("rwx")
	for i := range letters {
		if perm&(4>>i) == 0 {
			letters[i] = '-'
		}
	}
	return string(letters)
}
