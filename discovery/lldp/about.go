package lldp

import "assim/discovery"

// keys are those of the document. "lldp" and "cdp" hold the same, so that it is
// told once, after three dots.
var keys = []discovery.Field{
	{Key: "neighbors[].link", Meaning: "interface that heard it"},
	{Key: "neighbors[].lldp, neighbors[].cdp", Meaning: "what the newest frame of each protocol says, decoded; both when the sender speaks both"},
	{Key: "...chassis_id, port_id", Meaning: "who sent it from which port (LLDP: IEEE 802.1AB 8.5.2, 8.5.3; CDP: Device ID, Port ID)"},
	{Key: "...chassis_id_kind, port_id_kind", Meaning: "what these are: mac, local, interface name, ..."},
	{Key: "...source, destination", Meaning: "hardware address of the sending port, and the group it was sent to"},
	{Key: "...version", Meaning: "of CDP"},
	{Key: "...port_description, system_name, system_description", Meaning: "what its administrator wrote and what it is"},
	{Key: "...ttl_s", Meaning: "seconds the information holds"},
	{Key: "...capabilities, enabled", Meaning: "what it can do and does: bridge, router, ...; CDP does not tell them apart"},
	{Key: "...management[].addr, family, interface_kind, interface, oid", Meaning: "every management address: ipv4, ipv6, mac, ...; number of its interface, and of which kind that is; OID"},

	{Key: "...dot1.port_vlan, management_vlan", Meaning: "IEEE 802.1Q annex D: VLAN id; 0 = the port knows none"},
	{Key: "...dot1.vlans[].id, name; vlan_digest", Meaning: "VLANs by name, and a digest of all"},
	{Key: "...dot1.protocol_vlans[].id, supported, enabled; protocols[]", Meaning: "VLANs by protocol; first bytes of each protocol, hex"},
	{Key: "...dot1.link_aggregation, ...dot3.link_aggregation: capable, enabled, port, port_type", Meaning: "port of the aggregation, 0 = none; 1 = sent by the aggregation, 2 = by it and its ports"},

	{Key: "...dot3.autonegotiation.supported, enabled, advertised[], mau", Meaning: "IEEE 802.3 clause 79: what the port offers; the type in use by RFC 4836"},
	{Key: "...dot3.max_frame_bytes", Meaning: "largest frame in bytes"},
	{Key: "...dot3.energy_efficient.transmit_us, receive_us, fallback_us, echo_transmit_us, echo_receive_us", Meaning: "times to wake up, microseconds"},
	{Key: "...dot3.power.class, supported, enabled, pair_control, pairs, power_class", Meaning: "power over Ethernet: pse gives and pd takes it; signal or spare pairs"},
	{Key: "...dot3.power.type, source, priority, requested_mw, allocated_mw", Meaning: "IEEE 802.3at; milliwatts"},
	{Key: "...dot3.power.four_pair.requested_a_mw, requested_b_mw, allocated_a_mw, allocated_b_mw, available_mw", Meaning: "IEEE 802.3bt, by signature; milliwatts"},
	{Key: "...dot3.power.four_pair.powering, powered, pairs_used, class, class_a, class_b, type, isolated_loads", Meaning: "what the giver does and the taker has; class 15 = dual signature, 7 of a and b = single"},
	{Key: "...dot3.power.four_pair.autoclass.supported, completed, requested; power_down_request, power_down_s", Meaning: "measuring; 29 = shut it off, and for how many seconds"},

	{Key: "...med.capabilities[], device", Meaning: "LLDP-MED (ANSI/TIA-1057): class of the device"},
	{Key: "...med.policies[].application, unknown, tagged, vlan, priority, dscp", Meaning: "VLAN and marks for voice and the like"},
	{Key: "...med.location.latitude, longitude, altitude, altitude_kind, datum, resolution_bits[]", Meaning: "degrees; meters or floors; how many bits of each count"},
	{Key: "...med.location.what, country, civic, elin, other", Meaning: "a civic address by types of RFC 4776, and whose it is; emergency number; hex"},
	{Key: "...med.power.type, source, priority, value_mw", Meaning: "milliwatts"},
	{Key: "...med.hardware_revision, firmware_revision, software_revision, serial, manufacturer, model, asset", Meaning: "inventory"},

	{Key: "...dcbx.ets, ets_recommended: willing, credit_based_shaper, max_classes, class_of_priority[], bandwidth_percent[], algorithms[]", Meaning: "IEEE 802.1Q 38.5.4: by priority 0 to 7, by class; max_classes absent = 8; 0 strict, 1 credit-based, 2 ETS, 255 vendor's"},
	{Key: "...dcbx.pfc.willing, macsec_bypass, max_classes, priorities[]", Meaning: "priorities that may be paused"},
	{Key: "...dcbx.applications[].priority, priorities[], selector, protocol, oui", Meaning: "selector 1 EtherType, 2 TCP, 3 UDP, 4 both; of CEE 0 EtherType, 1 port"},
	{Key: "...dcbx.congestion_notification.priorities, ready", Meaning: "a bit for each priority"},
	{Key: "...dcbx.cee.version, max_version, sequence, ack; cee_features[].type, version, max_version, enabled, willing, error, subtype", Meaning: "the older form, before IEEE; type 2 priority groups, 3 flow control, 4 applications"},

	{Key: "...cdp.platform, addresses[], ip_prefixes[], default_gateway, system_object_id, location, external_port_id", Meaning: "CDP only: what and where it is"},
	{Key: "...cdp.vtp_domain, duplex, mtu, voice_vlan, voice_vlan_asked, trust, untrusted_cos", Meaning: "CDP only: full or half; bytes; VLAN ids; 0 = marks of the other end are not trusted"},
	{Key: "...cdp.power_consumption_mw, power_requested_mw[], power_available_mw[]", Meaning: "CDP only: milliwatts"},
	{Key: "...cdp.cluster.master_ip, commander_mac, switch_mac, management_vlan, version, status; protocol_hello[]", Meaning: "CDP only: cluster of switches; hellos of other kinds, hex"},

	{Key: "...unknown[].type, oui, subtype, value", Meaning: "TLVs nobody here knows; the value in hex"},
	{Key: "...problems[]", Meaning: "TLVs that are not as their standard says"},
	{Key: "...raw", Meaning: "the whole Ethernet frame, base64"},
	{Key: "nics.NAME", Meaning: "hardware address that the interface of this name came with, which is who it is when it is renamed"},
	{Key: "silent[]", Meaning: "interfaces with carrier that heard a switch before, and nothing for twice the time it promised"},
}
