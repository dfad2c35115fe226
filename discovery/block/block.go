// Package block discovers disks, partitions, RAID arrays and device-mapper
// volumes, and which of them is made of which.
//
//	(System)-[:HAS_BLOCK_DEVICE]->(BlockDevice sda)<-[:ON]-(BlockDevice sda2)<-[:ON]-(BlockDevice md0)
package block

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"assim/discovery"
	"assim/graph"
)

// HasBlockDevice is (System)-->(BlockDevice) for what is made of no other.
const HasBlockDevice = "HAS_BLOCK_DEVICE"

// Type is the discovery type "block".
var Type = discovery.Type{
	Name:    "block",
	Short:   "disks, partitions, RAID, logical volumes, and which is made of which",
	Every:   10 * time.Minute,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/proc/partitions", "/sys/class/block"},
		Keys: []discovery.Field{
			{Key: "devices[].name", Meaning: "kernel name"},
			{Key: "devices[].type", Meaning: "disk, part, loop, raid level (raid1), crypt, lvm, mpath, dm, rom"},
			{Key: "devices[].major", Meaning: "device number, major"},
			{Key: "devices[].minor", Meaning: "device number, minor"},
			{Key: "devices[].size_bytes", Meaning: "bytes"},
			{Key: "devices[].read_only", Meaning: "true when the kernel refuses to write"},
			{Key: "devices[].removable", Meaning: "true for what can be taken out"},
			{Key: "devices[].rotational", Meaning: "true for spinning disks; disks only"},
			{Key: "devices[].vendor", Meaning: "as the device says"},
			{Key: "devices[].model", Meaning: "as the device says"},
			{Key: "devices[].serial", Meaning: "as the device says"},
			{Key: "devices[].wwid", Meaning: "world-wide id"},
			{Key: "devices[].volume", Meaning: "name of a logical volume or array (dm/name, md/metadata)"},
			{Key: "devices[].on[]", Meaning: "devices it is made of"},
			{Key: "devices[].raid.disks", Meaning: "devices the array should have"},
			{Key: "devices[].raid.degraded", Meaning: "devices missing"},
			{Key: "devices[].raid.action", Meaning: "resync, recover, check, repair; absent when idle"},
			{Key: "truncated", Meaning: "true when there were more devices than the limit of 4096"},
		},
		Graph: "(System)-[:HAS_BLOCK_DEVICE]->(BlockDevice), (BlockDevice)-[:ON]->(BlockDevice)",
	},
}

// maxDevices bounds a document. A storage head has some hundreds, each over
// several paths.
const maxDevices = 4096

// Payload is the document.
type Payload struct {
	Devices   []Device `json:"devices"`
	Truncated bool     `json:"truncated,omitempty"`
}

// Device is one block device.
type Device struct {
	Name       string   `json:"name"`
	Type       string   `json:"type,omitempty"`
	Major      int      `json:"major"`
	Minor      int      `json:"minor"`
	SizeBytes  int64    `json:"size_bytes"`
	ReadOnly   bool     `json:"read_only,omitempty"`
	Removable  bool     `json:"removable,omitempty"`
	Rotational *bool    `json:"rotational,omitempty"`
	Vendor     string   `json:"vendor,omitempty"`
	Model      string   `json:"model,omitempty"`
	Serial     string   `json:"serial,omitempty"`
	WWID       string   `json:"wwid,omitempty"`
	Volume     string   `json:"volume,omitempty"`
	On         []string `json:"on,omitempty"`
	RAID       *RAID    `json:"raid,omitempty"`
}

// RAID is the state of an array, without what changes with every write.
type RAID struct {
	Disks    int    `json:"disks"`
	Degraded int    `json:"degraded"`
	Action   string `json:"action,omitempty"`
}

func collect(ctx context.Context, h discovery.Host) (any, error) {
	text, err := fs.ReadFile(h.Root(), "proc/partitions")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, discovery.ErrNotHere
	case err != nil:
		return nil, err
	}
	doc := &Payload{Devices: []Device{}}
	for _, d := range parse(string(text)) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if len(doc.Devices) == maxDevices {
			doc.Truncated = true
			break
		}
		// Empty loops, RAM disks and compressed swap are no storage.
		if d.SizeBytes == 0 || strings.HasPrefix(d.Name, "ram") || strings.HasPrefix(d.Name, "zram") {
			continue
		}
		d.describe(sysfs{h, "sys/class/block/" + d.Name + "/"})
		doc.Devices = append(doc.Devices, d)
	}
	discovery.Sort(doc.Devices, func(a, b Device) int { return cmp.Compare(a.Name, b.Name) })
	return doc, nil
}

// parse reads /proc/partitions: major, minor, blocks of 1024 bytes, name.
func parse(text string) []Device {
	var list []Device
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		major, err1 := strconv.ParseUint(f[0], 10, 31)
		minor, err2 := strconv.ParseUint(f[1], 10, 31)
		blocks, err3 := strconv.ParseUint(f[2], 10, 52)
		// "cciss!c0d0" is a name; what leads out of the directory is not.
		if err1 != nil || err2 != nil || err3 != nil || !fs.ValidPath(f[3]) || strings.Contains(f[3], "/") || f[3] == "." || len(f[3]) > maxName {
			continue
		}
		list = append(list, Device{Name: f[3], Major: int(major), Minor: int(minor), SizeBytes: int64(blocks) * 1024})
	}
	return list
}

const maxName = 256 // bytes of a name

// sysfs reads the attributes below one directory.
type sysfs struct {
	host discovery.Host
	dir  string
}

func (s sysfs) text(name string) string {
	data, err := fs.ReadFile(s.host.Root(), s.dir+name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data[:min(len(data), maxText)]))
}

const maxText = 4096 // a page, the largest attribute sysfs has

func (s sysfs) number(name string) int {
	n, _ := strconv.Atoi(s.text(name))
	return n
}

func (s sysfs) has(name string) bool {
	_, err := fs.Stat(s.host.Root(), s.dir+name)
	return err == nil
}

func (d *Device) describe(s sysfs) {
	// In sectors of 512 bytes, finer than the blocks of /proc/partitions.
	if n, err := strconv.ParseInt(s.text("size"), 10, 53); err == nil {
		d.SizeBytes = n * 512
	}
	d.ReadOnly, d.Removable = s.number("ro") == 1, s.number("removable") == 1
	d.Type = kind(d.Name, s)
	d.Vendor, d.Model = s.text("device/vendor"), s.text("device/model")
	if strings.HasPrefix(d.Vendor, "0x") {
		d.Vendor = "" // virtio gives a number of the bus, not a name
	}
	d.Serial, d.WWID = cmp.Or(s.text("device/serial"), s.text("serial")), cmp.Or(s.text("wwid"), s.text("device/wwid"))
	d.Volume = s.text("dm/name")
	if d.Type == "disk" {
		rotational := s.number("queue/rotational") == 1
		d.Rotational = &rotational
	}
	if s.has("md/level") {
		d.RAID = &RAID{Disks: s.number("md/raid_disks"), Degraded: s.number("md/degraded"), Action: s.text("md/sync_action")}
		if d.RAID.Action == "idle" {
			d.RAID.Action = ""
		}
	}
	slaves, _ := fs.ReadDir(s.host.Root(), s.dir+"slaves")
	for _, e := range slaves {
		d.On = append(d.On, e.Name())
	}
	if d.Type == "part" {
		// /sys/class/block/sda1 -> ../../devices/.../block/sda/sda1
		if target, err := s.host.ReadLink(strings.TrimSuffix(s.dir, "/")); err == nil {
			d.On = append(d.On, path.Base(path.Dir(target)))
		}
	}
}

// kind calls a device what lsblk calls it.
func kind(name string, s sysfs) string {
	uuid := s.text("dm/uuid")
	switch {
	case s.has("partition"):
		return "part"
	case s.has("md/level"):
		return s.text("md/level")
	case strings.HasPrefix(uuid, "CRYPT-"):
		return "crypt"
	case strings.HasPrefix(uuid, "LVM-"):
		return "lvm"
	case strings.HasPrefix(uuid, "mpath-"):
		return "mpath"
	case s.has("dm/uuid"):
		return "dm"
	case strings.HasPrefix(name, "loop"):
		return "loop"
	case strings.HasPrefix(name, "sr"):
		return "rom"
	}
	return "disk"
}

// Graph turns a document into devices and what they are made of.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("block: the document does not parse: %w", err)
	}
	if len(p.Devices) > maxDevices {
		return graph.Change{}, fmt.Errorf("block: %d devices in one document, the limit is %d", len(p.Devices), maxDevices)
	}
	var c graph.Change
	for _, d := range p.Devices {
		if d.Name == "" || len(d.Name) > maxName {
			return graph.Change{}, errors.New("block: a device without a proper name")
		}
		node := graph.Node{Key: key(system, d.Name), Props: graph.P("name", d.Name, "type", d.Type, "size_bytes", d.SizeBytes, "read_only", d.ReadOnly,
			"vendor", d.Vendor, "model", d.Model, "serial", d.Serial, "wwid", d.WWID, "volume", d.Volume)}
		if d.RAID != nil {
			node.Props["raid_disks"], node.Props["raid_degraded"] = int64(d.RAID.Disks), int64(d.RAID.Degraded)
		}
		c.Nodes = append(c.Nodes, node)
		for _, on := range d.On {
			if on != "" && len(on) <= maxName {
				c.Rels = append(c.Rels, graph.Rel{From: node.Key, Type: graph.On, To: key(system, on)})
			}
		}
		if len(d.On) == 0 {
			c.Rels = append(c.Rels, graph.Rel{From: system, Type: HasBlockDevice, To: node.Key})
		}
	}
	return c, nil
}

func key(system graph.Key, name string) graph.Key {
	return graph.Key{Label: graph.BlockDevice, ID: system.ID + "/" + name}
}
