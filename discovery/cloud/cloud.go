// Package cloud discovers which cloud a system runs in, and what that cloud
// calls it: from the files cloud-init left and from the firmware. No metadata
// service is asked.
package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/graph"
)

// Type is the discovery type "cloud".
var Type = discovery.Type{
	Name:    "cloud",
	Short:   "which cloud this runs in, and as what",
	Every:   6 * time.Hour,
	Files:   []string{"/run/cloud-init/instance-data.json"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: Graph,
	About: discovery.About{
		Reads: []string{"/run/cloud-init/instance-data.json", "/var/lib/cloud/data/instance-id", "/sys/class/dmi/id"},
		Keys: []discovery.Field{
			{Key: "cloud", Meaning: "aws, gcp, azure, openstack, digitalocean, hetzner, oracle, ..."},
			{Key: "region", Meaning: "as the cloud names it"},
			{Key: "zone", Meaning: "availability zone"},
			{Key: "instance_id", Meaning: "the cloud's name for this system"},
			{Key: "instance_type", Meaning: "size, where cloud-init was told"},
			{Key: "image_id", Meaning: "image it was made of, where cloud-init was told"},
			{Key: "source", Meaning: "cloud-init or firmware"},
		},
		Graph: "(System {cloud, region, zone, instance_id, instance_type})",
	},
}

// Payload is the document.
type Payload struct {
	Cloud        string `json:"cloud"`
	Region       string `json:"region,omitempty"`
	Zone         string `json:"zone,omitempty"`
	InstanceID   string `json:"instance_id,omitempty"`
	InstanceType string `json:"instance_type,omitempty"`
	ImageID      string `json:"image_id,omitempty"`
	Source       string `json:"source"`
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	text, err := conf.Read(h, "run/cloud-init/instance-data.json")
	if err != nil && !errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	if doc, ok := parse(text); ok {
		if doc.InstanceID == "" {
			doc.InstanceID = conf.Text(h, "var/lib/cloud/data/instance-id")
		}
		return doc, nil
	}
	if name := firmware(h); name != "" {
		return &Payload{Cloud: name, InstanceID: instance(h, name), Source: "firmware"}, nil
	}
	return nil, discovery.ErrNotHere
}

// elsewhere are the clouds of cloud-init that are none: an image tried at home.
var elsewhere = map[string]bool{"": true, "unknown": true, "none": true, "nocloud": true}

// parse reads cloud-init's standardized keys ("v1") and the two facts of
// metadata that they lack. What the metadata holds beside (keys, user data) is
// not looked at.
func parse(text string) (*Payload, bool) {
	var data struct {
		V1 struct {
			CloudName  string `json:"cloud_name"`
			Region     string `json:"region"`
			Zone       string `json:"availability_zone"`
			InstanceID string `json:"instance_id"`
		} `json:"v1"`
		DS struct {
			MetaData struct {
				InstanceType string `json:"instance-type"`
				ImageID      string `json:"ami-id"`
			} `json:"meta_data"`
		} `json:"ds"`
	}
	if json.Unmarshal([]byte(text), &data) != nil || elsewhere[strings.ToLower(data.V1.CloudName)] {
		return nil, false
	}
	return &Payload{Cloud: strings.ToLower(data.V1.CloudName), Region: data.V1.Region, Zone: data.V1.Zone, InstanceID: data.V1.InstanceID,
		InstanceType: data.DS.MetaData.InstanceType, ImageID: data.DS.MetaData.ImageID, Source: "cloud-init"}, true
}

// azureTag is the chassis asset tag of every machine in Azure.
const azureTag = "7783-7084-3265-9085-8269-3286-77"

// firmware recognizes a cloud by what its firmware says.
func firmware(h discovery.Host) string {
	attr := func(name string) string { return strings.ToLower(conf.Text(h, "sys/class/dmi/id/"+name)) }
	vendor, product, tag := attr("sys_vendor"), attr("product_name"), attr("chassis_asset_tag")
	switch {
	case vendor == "amazon ec2" || strings.Contains(attr("bios_version"), "amazon"):
		return "aws"
	case product == "google compute engine":
		return "gcp"
	case tag == azureTag:
		return "azure"
	case tag == "oraclecloud.com":
		return "oracle"
	case strings.Contains(product, "openstack"):
		return "openstack"
	case vendor == "digitalocean", vendor == "hetzner", vendor == "vultr", vendor == "scaleway", vendor == "upcloud", vendor == "akamai", vendor == "linode":
		return vendor
	case vendor == "alibaba cloud":
		return "aliyun"
	}
	return ""
}

// instance reads the instance id where firmware carries it.
func instance(h discovery.Host, name string) string {
	switch name {
	case "aws":
		if tag := conf.Text(h, "sys/class/dmi/id/board_asset_tag"); strings.HasPrefix(tag, "i-") {
			return tag
		}
	case "digitalocean", "hetzner", "vultr", "upcloud":
		return conf.Text(h, "sys/class/dmi/id/product_serial")
	}
	return ""
}

// Graph puts what the cloud calls the system on its node.
func Graph(system graph.Key, doc []byte) (graph.Change, error) {
	p := new(Payload)
	if err := json.Unmarshal(doc, p); err != nil {
		return graph.Change{}, fmt.Errorf("cloud: the document does not parse: %w", err)
	}
	return graph.Change{Nodes: []graph.Node{{Key: system, Props: graph.P("cloud", p.Cloud, "region", p.Region, "zone", p.Zone,
		"instance_id", p.InstanceID, "instance_type", p.InstanceType)}}}, nil
}
