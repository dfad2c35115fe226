package proc

import (
	"regexp"
	"strings"
)

// Masked stands where a secret was.
const Masked = "***"

// Mask hides what looks like a secret in a command line. The patterns, each
// tested by its own case:
//
//	--password=X  --db-password X  -Dtoken=X  PGPASSWORD=X     a name that says it is one
//	scheme://user:X@host                                       the password of a URL
//	Authorization: Bearer X   X-Api-Key: X                     an HTTP header in one argument
//	mysql -pX   curl -u user:X   redis-cli -a X   sshpass -p X ldapsearch -w X
//
// It hides too much rather than too little, and returns a slice of its own.
func Mask(args []string) []string {
	out := make([]string, len(args))
	program := ""
	if len(args) > 0 {
		program = args[0][strings.LastIndexByte(args[0], '/')+1:]
	}
	next := false // the argument before this one said that a secret follows
	for i, a := range args {
		switch {
		case next && !strings.HasPrefix(a, "-"):
			out[i], next = Masked, false
		default:
			out[i], next = maskOne(program, a)
		}
	}
	return out
}

// secretWord is a name that announces a secret. "pass" alone must be
// a word, so that --passive and --bypass stay readable.
const secretWord = `(?:passw(?:or)?d|passphrase|passwd|(?:\b|_)pass|(?:\b|_)pwd|secret|token|api[-_.]?key|access[-_.]?key|private[-_.]?key|encryption[-_.]?key|credentials?|auth[-_.]?key|requirepass|masterauth)`

var (
	namedValue  = regexp.MustCompile(`(?i)^(-{0,2}[\w.:-]*` + secretWord + `[=:])(.+)$`)
	namedFlag   = regexp.MustCompile(`(?i)^--?[\w.-]*` + secretWord + `$`)
	urlPassword = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+@`)
	headerValue = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|cookie|[\w-]*(?:token|api-?key|secret))(\s*:\s*).+`)
	inlineValue = regexp.MustCompile(`(?i)((?:^|[\s;,&?{"'])[\w.-]*` + secretWord + `["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s;,&]+)`)
)

// shortSecrets are the one-letter options that take a secret, by program.
// glued: the secret follows in the same argument; apart: in the next one.
var shortSecrets = []struct {
	programs string
	option   string
	glued    bool
	apart    bool
}{
	{" mysql mysqldump mysqladmin mariadb mariadb-dump mariadb-admin mysqlbinlog mysqlimport ", "-p", true, false},
	{" redis-cli valkey-cli ", "-a", true, true},
	{" sshpass ", "-p", true, true},
	{" ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami ", "-w", true, true},
	{" curl wget http ", "-u", true, true},
	{" smbclient rpcclient net ", "-U", true, true},
	{" mongo mongosh mongodump ", "-p", true, true},
	{" snmpget snmpwalk snmpset ", "-c", true, true},
	{" snmpget snmpwalk snmpset ", "-A", true, true},
	{" snmpget snmpwalk snmpset ", "-X", true, true},
	{" ipmitool ", "-P", true, true},
}

func maskOne(program, a string) (masked string, next bool) {
	if namedFlag.MatchString(a) {
		return a, true
	}
	if m := namedValue.FindStringSubmatch(a); m != nil && !strings.Contains(a, "://") {
		return m[1] + Masked, false
	}
	for _, s := range shortSecrets {
		if program == "" || !strings.Contains(s.programs, " "+program+" ") || !strings.HasPrefix(a, s.option) {
			continue
		}
		if a == s.option {
			return a, s.apart
		}
		if s.glued {
			return s.option + Masked, false
		}
	}
	a = urlPassword.ReplaceAllString(a, "${1}"+Masked+"@")
	a = headerValue.ReplaceAllString(a, "${1}${2}"+Masked)
	a = inlineValue.ReplaceAllString(a, "${1}"+Masked)
	return a, false
}
