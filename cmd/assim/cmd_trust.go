package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"assim/api"
	"assim/trust"
)

func pendingCommand() command {
	return command{
		name: "pending", short: "systems that ask to join and wait for a person",
		long:     "They ask without a join string (a CMA with -zero-configuration), or with one that wants\nan approval. Compare the fingerprint with the one in the nanoprobe's log.",
		examples: "  assim pending\n  assim pending -json | jq -r '.[].fingerprint'",
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("pending takes no arguments; to let one in: assim accept %s", args[0])
			}
			list, err := a.client.Pending(ctx)
			if err != nil {
				return err
			}
			if a.JSON {
				return a.printJSON(list)
			}
			rows := make([][]any, len(list))
			for i, p := range list {
				rows[i] = []any{p.Fingerprint, p.Name, p.From, p.Since.Local().Format(time.DateTime)}
			}
			if len(rows) == 0 {
				fmt.Fprintln(a.out, "Nobody waits.")
				return nil
			}
			a.table([]string{"fingerprint", "name", "from", "since"}, rows)
			return nil
		},
	}
}

func acceptCommand() command {
	return choiceCommand(command{
		name: "accept", short: "let systems in that wait in assim pending",
		long: "A fingerprint lets in that one system. A name, an address or a network lets in whoever\n" +
			"waits under it, and whoever asks under it within the next hour: names can be chosen by\nanybody, so prefer fingerprints. Who waits asks again within ten seconds.",
		examples: "  assim accept k3f2-m7qa-77de-obx4\n  assim accept 10.0.7.0/24",
	}, "accepted", "nobody waits under %s yet; whoever asks under it within the next hour is let in", (*api.Client).Accept)
}

func refuseCommand() command {
	return choiceCommand(command{
		name: "refuse", short: "take systems off the list of assim pending",
		long:     "It also takes an acceptance by name or network back. Whoever is refused may ask again.",
		examples: "  assim refuse k3f2-m7qa-77de-obx4\n  assim refuse 10.0.7.0/24",
	}, "or accepted ahead refused", "nobody waits under %s, and nobody was accepted ahead", (*api.Client).Refuse)
}

// choiceCommand decides about some of those who wait.
func choiceCommand(c command, done, none string, do func(*api.Client, context.Context, string) (int, error)) command {
	c.args = "NAME | FINGERPRINT | ADDRESS | CIDR"
	c.run = func(ctx context.Context, a *app, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one name, fingerprint, address or CIDR; assim pending lists who waits", c.name)
		}
		n, err := do(a.client, ctx, args[0])
		if err != nil {
			return err
		}
		if a.JSON {
			return a.printJSON(api.Chosen{Count: n})
		}
		if n == 0 {
			fmt.Fprintf(a.out, none+"\n", args[0])
			return nil
		}
		fmt.Fprintf(a.out, "%d of those waiting %s\n", n, done)
		return nil
	}
	return c
}

func revokeCommand() command {
	return memberCommand(command{
		name: "revoke", short: "put a system out, effective with its next packet",
		long:     "Its neighbors stop watching it; what is known of it stays in the graph. Its key cannot\njoin again, whatever join string it has.",
		examples: "  assim revoke web7\n  assim revoke n-3f2a91c077de0b143f2a91c077de0b14",
	}, "is put out", (*api.Client).Revoke)
}

func pardonCommand() command {
	return memberCommand(command{
		name: "pardon", short: "let a system in again that was put out",
		long:     "Its nanoprobe asks again within an hour and a quarter, or at once when it is restarted.",
		examples: "  assim pardon web7",
	}, "may come back", (*api.Client).Pardon)
}

// memberCommand decides about one system.
func memberCommand(c command, done string, do func(*api.Client, context.Context, string) (api.Member, error)) command {
	c.args = "SYSTEM"
	c.run = func(ctx context.Context, a *app, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one system, by name or id; assim systems lists them", c.name)
		}
		m, err := do(a.client, ctx, args[0])
		if err != nil {
			return err
		}
		if a.JSON {
			return a.printJSON(m)
		}
		fmt.Fprintf(a.out, "%s (%s) %s\n", m.Name, m.ID, done)
		return nil
	}
	return c
}

type rotateSettings struct {
	Wait     time.Duration `name:"wait" default:"2m" usage:"master, -recovery: how long to wait until everybody has followed"`
	Recovery string        `name:"recovery" usage:"cma: file of the recovery key (- reads its line from the terminal); all keys that were stolen end at once"`
}

func rotateCommand() command {
	set := &rotateSettings{}
	return command{
		name: "rotate", args: "[node SYSTEM | cma | master]", short: "replace keys; alone it shows how far that has come",
		long: "node replaces a nanoprobe's own key, cma the key by which nanoprobes recognize the CMA,\n" +
			"master all keys of heartbeats and signals. No heartbeat is missed, and nobody has to join\n" +
			"again. A change of the master key goes on by itself, also when the CMA is restarted; who is\ndead or stopped meanwhile follows when it returns.\n\n" +
			"When the CMA's keys were stolen, cma with -recovery replaces all of them: the old ones end\nat once, and the systems follow by the pin of the recovery key. See assim recovery-key.",
		examples: "  assim rotate node web7\n  assim rotate cma\n  assim rotate master\n  assim rotate\n  assim rotate cma -recovery /media/stick/assim-recovery",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) == 0 {
				r, err := a.client.Rotation(ctx)
				if err != nil {
					return err
				}
				return a.rotation(r)
			}
			req := api.RotateRequest{What: args[0]}
			switch {
			case args[0] == "node" && len(args) == 2:
				req.System = args[1]
			case (args[0] == "cma" || args[0] == "master") && len(args) == 1:
			default:
				return usagef("say assim rotate node SYSTEM, assim rotate cma, or assim rotate master")
			}
			if set.Recovery != "" && req.What != "cma" {
				return usagef("-recovery is for the CMA's keys: assim rotate cma -recovery FILE")
			}
			r, err := a.rotate(ctx, req, set.Recovery)
			if err == nil && (req.What == "master" || set.Recovery != "") {
				r, err = a.followRotation(ctx, r, set.Wait)
			}
			if err != nil {
				return err
			}
			return a.rotation(r)
		},
	}
}

// rotate asks for new keys, by way of the recovery key if there is one.
func (a *app) rotate(ctx context.Context, req api.RotateRequest, recovery string) (api.Rotation, error) {
	if recovery == "" {
		return a.client.Rotate(ctx, req)
	}
	if recovery == "-" {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil && line == "" {
			return api.Rotation{}, fmt.Errorf("reading the recovery key: %w", err)
		}
		return a.client.Recover(ctx, strings.TrimSpace(line))
	}
	key, err := trust.LoadRecoveryKey(recovery)
	if err != nil {
		return api.Rotation{}, err
	}
	return a.client.Recover(ctx, trust.RecoveryString(key))
}

// rotationEvery is how often a change of the master key is looked at.
const rotationEvery = 500 * time.Millisecond

// followRotation waits until the master key has changed.
func (a *app) followRotation(ctx context.Context, r api.Rotation, wait time.Duration) (api.Rotation, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for r.Stage != "settled" {
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("the keys are %s, and %d systems have not followed yet: %s; it goes on by itself, see assim rotate", r.Stage, len(r.Waiting), clip(strings.Join(r.Waiting, ", ")))
		case <-time.After(rotationEvery):
		}
		now, err := a.client.Rotation(ctx)
		if err == nil { // Otherwise the CMA is restarted, or the time is over.
			r = now
		}
	}
	return r, nil
}

func (a *app) rotation(r api.Rotation) error {
	if a.JSON {
		return a.printJSON(r)
	}
	state := "settled"
	if r.Stage != "settled" {
		state = fmt.Sprintf("%s, %d systems have not followed yet: %s", r.Stage, len(r.Waiting), clip(strings.Join(r.Waiting, ", ")))
	}
	a.facts([][2]string{{"key of the CMA", r.Pin}, {"master key", fmt.Sprintf("epoch %d", r.Epoch)}, {"change", state}})
	return nil
}
