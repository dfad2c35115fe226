// Package dmi discovers what the firmware says of the machine: vendor, product,
// serial numbers, board, chassis, BIOS (SMBIOS, DSP0134), as the kernel shows it.
package dmi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/graph"
)

// Type is the discovery type "dmi".
var Type = discovery.Type{
	Name:    "dmi",
	Short:   "vendor, product, serial numbers and firmware of the machine",
	Every:   24 * time.Hour,
	Needs:   []string{"root: serial numbers and the product UUID are not read"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/sys/class/dmi/id", "/proc/device-tree/model"},
		Keys: []discovery.Field{
			{Key: "sys_vendor", Meaning: "who made the system"},
			{Key: "product_name", Meaning: "what it is called; of a virtual machine, its hypervisor's word"},
			{Key: "product_*, board_*, chassis_*, bios_*", Meaning: "as in /sys/class/dmi/id, filler texts left out"},
			{Key: "product_uuid", Meaning: "lower case; guest and host of a virtual machine know the same one"},
		},
		Graph: "(System {vendor, product, serial, uuid, bios_version})",
	},
}

// fields are the attributes read, all texts.
var fields = []string{
	"bios_date", "bios_release", "bios_vendor", "bios_version", "board_asset_tag", "board_name", "board_serial", "board_vendor", "board_version",
	"chassis_asset_tag", "chassis_serial", "chassis_type", "chassis_vendor", "chassis_version", "ec_firmware_release",
	"product_family", "product_name", "product_serial", "product_sku", "product_uuid", "product_version", "sys_vendor",
}

// fillers are what vendors write where they know nothing.
var fillers = map[string]bool{"": true, "to be filled by o.e.m.": true, "default string": true, "not specified": true, "none": true, "n/a": true,
	"system serial number": true, "system product name": true, "system manufacturer": true, "system version": true, "chassis serial number": true,
	"asset tag": true, "no asset tag": true, "not applicable": true, "0123456789": true, "unknown": true, "o.e.m.": true, "empty": true,
	"00000000-0000-0000-0000-000000000000": true, "ffffffff-ffff-ffff-ffff-ffffffffffff": true}

// Payload is the document: attribute → text.
type Payload map[string]string

func collect(_ context.Context, h discovery.Host) (any, error) {
	doc := Payload{}
	for _, name := range fields {
		text := conf.Text(h, "sys/class/dmi/id/"+name)
		if !fillers[strings.ToLower(text)] {
			doc[name] = text
		}
	}
	// Small boards have a device tree instead.
	if model := strings.TrimRight(conf.Text(h, "proc/device-tree/model"), "\x00"); model != "" && len(doc) == 0 {
		doc["product_name"] = model
		if serial := strings.TrimRight(conf.Text(h, "proc/device-tree/serial-number"), "\x00"); serial != "" {
			doc["product_serial"] = serial
		}
	}
	if len(doc) == 0 {
		return nil, discovery.ErrNotHere
	}
	if uuid, ok := doc["product_uuid"]; ok {
		doc["product_uuid"] = strings.ToLower(uuid)
	}
	return doc, nil
}

// Graph puts what identifies the machine on the system's node.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	var p Payload
	if err := json.Unmarshal(doc, &p); err != nil {
		return graph.Change{}, fmt.Errorf("dmi: the document does not parse: %w", err)
	}
	return graph.Change{Nodes: []graph.Node{{Key: system, Props: graph.P("vendor", p["sys_vendor"], "product", p["product_name"],
		"serial", p["product_serial"], "uuid", p["product_uuid"], "bios_version", p["bios_version"])}}}, nil
}
