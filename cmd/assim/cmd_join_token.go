package main

import (
	"context"
	"fmt"
	"time"

	"assim/api"
)

type tokenSettings struct {
	For     time.Duration `name:"for" default:"24h" usage:"create: how long it is good for"`
	Uses    int           `name:"uses" usage:"create: by how many systems it may be used (0: any number)"`
	Note    string        `name:"note" usage:"create: what it is for, shown in the list"`
	Address string        `name:"address" usage:"create: where nanoprobes reach this CMA, if the guess is wrong; * finds it by multicast"`
	Bind    string        `name:"bind" usage:"create: for one system only: its name, the hash of its machine, or a network (CIDR)"`
	Approve bool          `name:"approve" usage:"create: a person accepts each as well: assim pending"`
	Systems bool          `name:"systems" usage:"revoke: also throw out the systems that joined by it"`
}

// operatorSettings are those of them that operators' strings have.
type operatorSettings struct {
	For     time.Duration `name:"for" default:"24h" usage:"create: how long it is good for"`
	Note    string        `name:"note" usage:"create: whose it is, shown in the list"`
	Address string        `name:"address" usage:"create: where this CMA is reached, if the guess is wrong"`
}

func joinTokenCommand() command {
	set := &tokenSettings{}
	c := command{
		name: "join-token", args: "create | list | revoke ID", short: "permissions for nanoprobes to join",
		long: "create prints one string; start a nanoprobe with it on another system:\n  nanoprobe -join 'assim1:…'\n\n" +
			"A strict CMA wants -uses 1 and -bind. Whoever has the string can make systems join, and nothing else.",
		examples: "  assim join-token create\n  assim join-token create -for 1h -uses 20 -note 'rack 7'\n  assim join-token create -uses 1 -bind web7 -approve\n" +
			"  assim join-token list\n  assim join-token revoke 3f2a91c0 -systems",
		settings: set,
	}
	return c.permissions(api.ToJoin, func() tokenSettings { return *set })
}

func operatorCommand() command {
	set := &operatorSettings{}
	c := command{
		name: "operator", args: "create | list | revoke ID", short: "permissions to ask this CMA from another machine",
		long:     "create prints one string; whoever has it may ask everything, and let systems join:\n  ASSIM_CMA='assim-op1:…' assim systems\n\nIt is decided on the CMA's own host only.",
		examples: "  assim operator create -note 'alice' -for 720h\n  assim operator list\n  assim operator revoke 3f2a91c0",
		settings: set,
	}
	return c.permissions(api.ToOperate, func() tokenSettings { return tokenSettings{For: set.For, Note: set.Note, Address: set.Address} })
}

// permissions makes the command one that gives, lists and takes a kind of them.
func (c command) permissions(kind api.Permission, set func() tokenSettings) command {
	c.run = func(ctx context.Context, a *app, args []string) error {
		if len(args) == 0 {
			return usagef("say create, list or revoke ID: assim %s create", c.name)
		}
		switch {
		case args[0] == "create" && len(args) == 1:
			return a.createToken(ctx, kind, set())
		case args[0] == "list" && len(args) == 1:
			return a.listTokens(ctx, kind)
		case args[0] == "create" || args[0] == "list":
			return usagef("%s %s takes no arguments, only settings; %q is none", c.name, args[0], args[1])
		case args[0] == "revoke":
			if len(args) != 2 {
				return usagef("revoke takes the ID that assim %s list shows", c.name)
			}
			if err := a.client.RevokeToken(ctx, kind, args[1], set().Systems); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s is revoked\n", args[1])
			return nil
		}
		return usagef("%q is not create, list or revoke", args[0])
	}
	return c
}

func (a *app) createToken(ctx context.Context, kind api.Permission, set tokenSettings) error {
	t, err := a.client.CreateToken(ctx, kind, api.TokenRequest{Note: set.Note, For: set.For, MaxUses: set.Uses, Address: set.Address, Bind: set.Bind, Approve: set.Approve})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(t)
	}
	fmt.Fprintln(a.out, t.Join)
	return nil
}

// until is when something ends, for people.
func until(t time.Time) string {
	if t.IsZero() {
		return "for ever"
	}
	return t.Local().Format(time.DateTime)
}

func (a *app) listTokens(ctx context.Context, kind api.Permission) error {
	list, err := a.client.Tokens(ctx, kind)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(list)
	}
	rows := make([][]any, len(list))
	for i, t := range list {
		state, limit := "good", "any number"
		if t.Revoked {
			state = "revoked"
		} else if !t.Expires.IsZero() && time.Now().After(t.Expires) {
			state = "expired"
		}
		if t.MaxUses > 0 {
			limit = fmt.Sprint(t.MaxUses)
		}
		rows[i] = []any{t.ID, state, t.Uses, limit, until(t.Expires), t.Bind, t.Note}
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "There are none.")
		return nil
	}
	a.table([]string{"id", "state", "used", "of", "until", "for", "note"}, rows)
	return nil
}
