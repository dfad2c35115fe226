// Package pci discovers the devices on the PCI buses and the drivers that run
// them.
package pci

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "pci".
var Type = discovery.Type{
	Name:    "pci",
	Short:   "devices on the PCI buses and their drivers",
	Every:   24 * time.Hour,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/sys/bus/pci/devices"},
		Keys: []discovery.Field{
			{Key: "devices[].slot", Meaning: "domain:bus:device.function"},
			{Key: "devices[].class", Meaning: "class, subclass and interface, six hex digits"},
			{Key: "devices[].vendor", Meaning: "vendor id, four hex digits"},
			{Key: "devices[].device", Meaning: "device id, four hex digits"},
			{Key: "devices[].subsystem", Meaning: "vendor:device of the card, where it differs"},
			{Key: "devices[].kind", Meaning: "what the class means"},
			{Key: "devices[].driver", Meaning: "driver of the kernel, absent without one"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Devices []Device `json:"devices"`
}

// Device is one function of a device.
type Device struct {
	Slot      string `json:"slot"`
	Class     string `json:"class"`
	Vendor    string `json:"vendor"`
	Device    string `json:"device"`
	Subsystem string `json:"subsystem,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Driver    string `json:"driver,omitempty"`
}

// maxDevices bounds a document; virtual functions of network cards add up.
const maxDevices = 4096

const top = "sys/bus/pci/devices"

func collect(_ context.Context, h discovery.Host) (any, error) {
	entries, err := fs.ReadDir(h.Root(), top)
	if err != nil || len(entries) == 0 {
		return nil, discovery.ErrNotHere
	}
	doc := &Payload{}
	for _, e := range entries[:min(len(entries), maxDevices)] {
		dir := top + "/" + e.Name() + "/"
		attr := func(name string) string { return strings.TrimPrefix(conf.Text(h, dir+name), "0x") }
		d := Device{Slot: e.Name(), Class: attr("class"), Vendor: attr("vendor"), Device: attr("device")}
		if d.Vendor == "" {
			continue // gone meanwhile
		}
		if card := attr("subsystem_vendor") + ":" + attr("subsystem_device"); card != ":" && card != "0000:0000" {
			d.Subsystem = card
		}
		d.Kind = kind(d.Class)
		if target, err := h.ReadLink(dir + "driver"); err == nil {
			d.Driver = path.Base(target)
		}
		doc.Devices = append(doc.Devices, d)
	}
	discovery.Sort(doc.Devices, func(a, b Device) int { return cmp.Compare(a.Slot, b.Slot) })
	return doc, nil
}

// kinds are the classes and subclasses people ask for (PCI Code and ID
// Assignment Specification).
var kinds = map[string]string{
	"0100": "SCSI controller", "0101": "IDE controller", "0104": "RAID controller", "0106": "SATA controller", "0107": "SAS controller", "0108": "NVMe controller",
	"0200": "Ethernet controller", "0207": "InfiniBand controller", "0280": "network controller", "0300": "VGA controller", "0302": "3D controller",
	"0600": "host bridge", "0601": "ISA bridge", "0604": "PCI bridge", "0c03": "USB controller", "0c04": "Fibre Channel", "0c05": "SMBus",
	"01": "storage", "02": "network", "03": "display", "04": "multimedia", "05": "memory", "06": "bridge", "07": "communication", "08": "system",
	"0b": "processor", "0c": "serial bus", "0d": "wireless", "10": "encryption", "12": "accelerator",
}

func kind(class string) string {
	if len(class) < 4 {
		return ""
	}
	return cmp.Or(kinds[class[:4]], kinds[class[:2]])
}
