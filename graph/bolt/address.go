package bolt

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

var schemes = []string{"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"}

// IsAddress reports whether text names a store on a server and not a file.
func IsAddress(text string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && slices.Contains(schemes, scheme)
}

// ParseAddress takes apart what people write, "bolt://USER@HOST:PORT/DATABASE"
// with all but the host optional, and reads the password from the first line of
// a file: neither a command line nor a log is a place for one.
func ParseAddress(address, passwordFile string) (uri string, opt Options, err error) {
	u, err := url.Parse(address)
	if err != nil || !IsAddress(address) || u.Host == "" {
		return "", Options{}, fmt.Errorf("the store's address %q is not understood: write bolt://HOST:7687 or neo4j://HOST:7687, with +s for TLS", address)
	}
	if _, has := u.User.Password(); has {
		return "", Options{}, fmt.Errorf("the address of the store at %s has a password in it: write it into a file and name that", u.Host)
	}
	opt = Options{User: u.User.Username(), Database: strings.Trim(u.Path, "/")}
	if passwordFile != "" {
		b, err := os.ReadFile(passwordFile)
		if err != nil {
			return "", Options{}, fmt.Errorf("the store's password: %w", err)
		}
		opt.Password, _, _ = strings.Cut(string(b), "\n")
		opt.Password = strings.TrimSuffix(opt.Password, "\r")
		if opt.User == "" {
			opt.User = "neo4j"
		}
	}
	u.User, u.Path = nil, ""
	return u.String(), opt, nil
}
