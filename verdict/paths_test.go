package verdict

// pathStories are about paths that are broken, systems that are deaf, and addresses
// that two claim: see story.
var pathStories = []struct{ name, town, script, news string }{
	{"a system that speaks and hears nobody", twoRacks, `
	2.0 a deaf b
	2.2 c deaf b
	20 a takesback b
	20.2 c takesback b
	30 until`, `
	3.4 system deaf b by a c of a b c
	20.2 resolved b`},
	{"its neighbors find out one after another", twoRacks, `
	2.0 a deaf b
	9.0 c deaf b
	30 until`, `
	10.4 system deaf b by a c of a b c`},
	{"a deaf system that dies", twoRacks, `
	2.0 a deaf b
	2.2 c deaf b
	20 a loses b
	20.2 c loses b
	30 until`, `
	3.4 system deaf b by a c of a b c
	20.2 unresponsive b by a c
	25.2 resolved b
	25.2 system dead b by a c`},
	{"who hears none of its neighbors, all of which answer, is deaf and no liar", twoRacks, `
	0 answering a c
	2.0 b loses a
	2.1 b loses c
	20 b takesback a
	20.2 b takesback c
	30 until`, `
	5.9 system deaf b by b of b a c
	20.2 resolved b`},
	{"who hears one neighbor and not the other is not deaf", twoRacks, `
	2.0 b path a
	2.0 b path e
	30 until`, `
	3.4 path broken around b by b of b a e`},
	{"the deaf one and its neighbors say the same", twoRacks, `
	0 answering a c
	2.0 b loses a
	2.1 b loses c
	4.5 a deaf b
	4.7 c deaf b
	30 until`, `
	5.9 system deaf b by a b of a b c`},
	{"a deaf system is asked before it is called dead", twoRacks, `
	0 answering b
	2.0 a deaf b
	2.2 c deaf b
	20 a loses b
	20.2 c loses b
	40 until`, `
	3.4 system deaf b by a c of a b c
	20.2 unresponsive b by a c
	24.6 alive again b`},
	{"who gets no sign of life from a deaf system is no liar", twoRacks, `
	0 answering b
	2.0 a deaf b
	2.2 c deaf b
	20 a loses b
	40 until`, `
	3.4 system deaf b by a c of a b c`},
	{"nobody is accused of what comes of an address that two claim", twoRacks, `
	0 answering a c
	1.0 b shares
	2.0 a link b 10.0.1.2
	2.1 c link b 10.0.1.2
	2.2 b loses a
	2.3 b loses c
	4.0 a deaf b
	4.2 c deaf b
	60 until`, `
	`},
	{"what is still broken when only one claims the address is told then", twoRacks, `
	1.0 b shares
	2.0 b path a
	2.0 b path c
	30 b sharesnot
	60 until`, `
	33.4 system deaf b by b of b a c`},
	{"who shares an address is asked before it is called dead, and then again", twoRacks, `
	1.0 b shares
	2.0 a loses b
	2.2 c loses b
	15 answering b
	60 until`, `
	2.2 unresponsive b by a c
	7.2 system dead b by a c
	20.6 alive again b`},
	{"one neighbor that gets no answers has a broken path", twoRacks, `
	2.0 a deaf b
	30 until`, `
	16.0 path broken between a and b by a of a b`},
	{"a pair one of which hears the other without answers is a broken path", twoRacks, `
	2.0 a deaf b
	4.0 b path a
	30 until`, `
	5.4 path broken between a and b by a of a b`},
	{"one pair", twoRacks, `
	2.0 a path b
	20 a takesback b
	30 until`, `
	3.4 path broken between a and b by a of a b
	20.0 resolved between a and b`},
	{"a pair both of whose ends complain is one incident", twoRacks, `
	2.0 a path b
	2.5 b path a
	30 until`, `
	3.4 path broken between a and b by a of a b`},
	{"two paths to one system are one incident around it", twoRacks, `
	2.0 a path b
	2.5 c path b
	30 until`, `
	3.4 path broken around b by a c of a b c`},
	{"two paths between the same switches are one incident", twoRacks, `
	2.0 a path e
	2.5 b path f
	30 until`, `
	3.4 path broken between switch sw1 and switch sw2 by a b of a e b f`},
	{"a path that turns out to be a death", twoRacks, `
	2.0 a path b
	2.3 a loses b
	2.4 c loses b
	30 until`, `
	2.4 unresponsive b by a c
	7.4 system dead b by a c`},
}
