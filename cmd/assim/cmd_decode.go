package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"assim/discovery"
	"assim/discovery/arp"
	"assim/discovery/lldp"
	"assim/netio/capture"
)

func decodeCommand() command {
	return command{
		name: "decode", args: "FILE.pcap", short: "every LLDP, CDP, ARP and NDP frame of a capture, as discovery sees it",
		examples: "  assim decode switch.pcap\n  tcpdump -w - -c 10 ether proto 0x88cc | assim decode /dev/stdin\n  assim decode switch.pcap -json",
		offline:  true,
		run: func(_ context.Context, a *app, args []string) error {
			if len(args) != 1 {
				return usagef("decode takes one file, pcap or pcapng: assim decode switch.pcap")
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			return a.decode(f)
		},
	}
}

// decoded is one frame as -json prints it, one object a line.
type decoded struct {
	Frame int    `json:"frame"`
	Kind  string `json:"kind"`
	Data  any    `json:"data,omitempty"`
	Error string `json:"error,omitempty"`
}

func (a *app) decode(f *os.File) error {
	others := 0
	for frame, err := range capture.ReadFile(f) {
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		d, ours := decodeFrame(frame.Data)
		if !ours {
			others++
			continue
		}
		d.Frame = frame.Number
		if err := a.printFrame(d); err != nil {
			return err
		}
	}
	if !a.JSON {
		fmt.Fprintf(a.out, "%d other frames\n", others)
	}
	return nil
}

// decodeFrame tries the kinds that discovery knows; ours is false for others.
func decodeFrame(frame []byte) (d decoded, ours bool) {
	advert, err := lldp.Decode(frame)
	if !errors.Is(err, lldp.ErrNeither) {
		d = decoded{Kind: "lldp or cdp", Data: advert}
	} else {
		var heard arp.Heard
		if heard, err = arp.Decode(frame); errors.Is(err, arp.ErrNeither) {
			return d, false
		}
		d = decoded{Kind: "arp or ndp", Data: heard}
	}
	if err != nil {
		d.Data, d.Error = nil, err.Error()
	}
	return d, true
}

func (a *app) printFrame(d decoded) error {
	if a.JSON {
		return json.NewEncoder(a.out).Encode(d)
	}
	if d.Error != "" {
		fmt.Fprintf(a.out, "frame %d: %s\n", d.Frame, a.paint(clip(d.Error), "\x1b[33m"))
		return nil
	}
	text, _, err := discovery.Canonical(d.Data)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "frame %d (%s)\n", d.Frame, d.Kind)
	a.tree("  ", v)
	return nil
}

// tree prints a JSON value as an indented outline.
func (a *app) tree(indent string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			a.branch(indent, k, v[k])
		}
	case []any:
		for i, e := range v {
			a.branch(indent, fmt.Sprint(i+1), e)
		}
	default:
		fmt.Fprintf(a.out, "%s%s\n", indent, cell(v))
	}
}

func (a *app) branch(indent, name string, v any) {
	switch v.(type) {
	case map[string]any, []any:
		fmt.Fprintf(a.out, "%s%s:\n", indent, name)
		a.tree(indent+"  ", v)
	default:
		fmt.Fprintf(a.out, "%s%s: %s\n", indent, name, cell(v))
	}
}
