#!/usr/bin/env python3
"""A nanoprobe in Python, written by docs/protocol.md and nothing else.

It is here to show that the document suffices: it joins by a join string,
announces itself, sends a document, keeps its place in the rings, and stops in
good order. It discovers nothing.

    nanoprobe.py vectors             checks itself against the vectors beside it
    nanoprobe.py run JOINSTRING NAME prints what happens, until SIGTERM

Needs the packages cryptography and pyOpenSSL (Debian: python3-cryptography,
python3-openssl): the ssl module of Python cannot export the binding.
"""
import base64, hashlib, hmac, json, os, random, select, signal, socket, struct, sys, time

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

HEARTBEAT, PING, PONG, GOODBYE, ASK, HEARD, NOT_HEARD = range(1, 8)
ANNOUNCE, REPORT, DOCUMENT, HASHES, STOPPING, ECHO, SIGNAL_PONG = range(1, 8)
ACK, HOLD, DEMAND, SESSION_OLD, WANT, DESIRED, SIGNAL_PING, REFUSED = range(16, 24)
F_CONTACT, F_ENROLL, F_DOCUMENT, F_ROTATE, F_DONE = range(1, 6)
F_WELCOME, F_REFUSED = 16, 17
MASK = (1 << 64) - 1


class Malformed(Exception):
    pass


class Cursor:
    """Reads fields from the front of bytes, and wants to read all of them."""

    def __init__(self, b):
        self.b = b

    def take(self, n):
        if len(self.b) < n:
            raise Malformed("too short")
        head, self.b = self.b[:n], self.b[n:]
        return head

    def num(self, n):
        return int.from_bytes(self.take(n), "big")

    def text(self):
        return self.take(self.num(1)).decode()

    def address(self):
        size = self.num(1)
        if size == 0:
            return None
        ip = socket.inet_ntop({4: socket.AF_INET, 16: socket.AF_INET6}[size], self.take(size))
        return ip, self.num(2)

    def done(self):
        if self.b:
            raise Malformed("bytes left over")


def text(s):
    return bytes([len(s.encode())]) + s.encode()


def address(ip, port):
    raw = socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)
    return bytes([len(raw)]) + raw + struct.pack(">H", port)


def mac(key, msg, size=32):
    return hmac.new(key, msg, hashlib.sha256).digest()[:size]


# --- Keys


def mix(x):  # the finalizer of MurmurHash3
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & MASK
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ x >> 33


def edge_of(a, b):
    def half(i):
        hi, lo = int.from_bytes(i[:8], "big"), int.from_bytes(i[8:], "big")
        return hi ^ ((lo << 29 | lo >> 35) & MASK)

    return mix(half(a)) + mix(half(b)) & MASK


def edge_key(master, epoch, a, b):  # only the CMA makes them; here for the vector
    box = Cipher(algorithms.AES(mac(master, b"edges" + epoch)), modes.CBC(bytes(16))).encryptor()
    return box.update(min(a, b) + max(a, b))[16:]


def direction(sender, receiver):
    return b"\x01" if sender < receiver else b"\x02"


def verifier(secret):
    return hashlib.sha256(b"assim join verifier " + secret).digest()


def token_id(secret):
    return hashlib.sha256(b"assim join token " + secret).digest()[:8]


def pin(pub):
    return hashlib.sha256(pub).digest()[:20]


def machine_hash(machine_id, product):
    return hashlib.sha256(f"assim machine {machine_id.lower()} {product.lower()}".encode()).digest()[:16]


def unbase32(s):
    return base64.b32decode(s.upper() + "=" * (-len(s) % 8))


class Join:
    def __init__(self, s):
        prefix, rest = s.split(":", 1)
        rest, pin_text, secret = rest.rsplit(":", 2)
        host, port = rest.rsplit(":", 1)
        if prefix != "assim1":
            raise Malformed("no join string")
        self.host, self.port = host.strip("[]"), int(port)
        self.pin, self.secret = unbase32(pin_text), unbase32(secret)


# --- Ticks


def pack_tick(t, key, way):
    b = struct.pack(">BBQQIQIIH", 1, t["kind"], t["edge"], t["session"], t["seq"], t["echo_session"], t["echo_seq"], t["gen"], t["every"])
    if t["kind"] >= ASK:
        b += struct.pack(">Q", t["subject"])
    return b + mac(key, b + way, 16)


def open_tick(b, key, way):
    if len(b) not in (56, 64) or b[0] != 1 or not hmac.compare_digest(mac(key, b[:-16] + way, 16), b[-16:]):
        return None
    names = ("kind", "edge", "session", "seq", "echo_session", "echo_seq", "gen", "every")
    t = dict(zip(names, struct.unpack(">BQQIQIIH", b[1:40])))
    t["subject"] = int.from_bytes(b[40:-16], "big") if len(b) == 64 else 0
    return t


# --- Signals


def seal(m, key, from_cma, epoch, node, nonce):
    clear = struct.pack(">BBH", 0x11, from_cma, epoch) + node + nonce
    inner = struct.pack(">QIIQIHBB", m["session"], m["seq"], m["ack"], m["cookie"], m["applied"], m["slot"], m["kind"], m["flags"])
    return clear + AESGCM(key).encrypt(nonce, inner + m["body"], clear)


def open_signal(b, key):
    if len(b) < 80 or b[0] != 0x11:
        return None
    try:
        inner = AESGCM(key).decrypt(b[20:32], b[32:], b[:32])
    except Exception:
        return None
    names = ("session", "seq", "ack", "cookie", "applied", "slot", "kind", "flags")
    m = dict(zip(names, struct.unpack(">QIIQIHBB", inner[:32])))
    m["body"], m["from_cma"] = inner[32:], b[1] == 1
    return m


def parse_desired(b, old=None):
    """What is left out is taken from old, an earlier generation; None: old is not the right one."""
    c = Cursor(b)
    version = c.num(1)
    if version not in (1, 2):
        raise Malformed("version")
    d = {"gen": c.num(4), "base": c.num(4) if version == 2 else 0}
    d.update({"interval": c.num(4), "unresponsive": c.num(4), "dead": c.num(4), "rings": []})
    whole = not d["base"] or old and old["gen"] == d["base"]
    for _ in range(c.num(1)):
        v = {"ring": c.num(8), "level": c.num(1)}
        flags = c.num(1)
        v["version"], size, v["self"] = c.num(4), c.num(2), c.num(2)
        v["swept"] = bool(flags & 1)
        if flags & 1:
            c.take(16)  # deputy
        if flags & 8:
            c.take(16)  # sweep key
        if flags & 16:
            c.take(c.num(1))  # lost
        v["members"] = []
        if flags & 32:  # as they were
            was = [o for o in old["rings"] if whole and (o["ring"], o["version"], o["swept"]) == (v["ring"], v["version"], v["swept"])] if old else []
            whole = whole and was and len(was[0]["members"]) == size
            v["members"] = was[0]["members"] if whole else []
        for _ in range(0 if flags & 32 else c.num(2)):
            m = {"id": c.take(16), "at": c.address()}
            m["also"] = [c.address() for _ in range(c.num(1))]
            m["key"] = c.take(16) if flags & 2 else None
            m["other"] = c.take(16) if flags & 4 else None
            v["members"].append(m)
        v["closed"] = len(v["members"]) == size
        d["rings"].append(v)
    for _ in range(c.num(1)):
        c.text(), c.num(4)  # how often each type looks
    c.done()
    return d if whole else None


def neighbors(d):
    """Those before and after this nanoprobe in each of its rings."""
    found = {}
    for v in d["rings"]:
        n, at = len(v["members"]), v["self"]
        if v["swept"] or n < 2:
            continue
        for i in (at - 1, at + 1):
            if v["closed"] or 0 <= i < n:
                m = v["members"][i % n]
                if m["key"]:
                    found[m["id"]] = m
    return found


# --- Strangers


def prove(key, b):
    return mac(key, b + b[:1], 16) if key else bytes(16)


def hello(join, pub, nonce, cookie):
    b = struct.pack(">B3x", 0x21) + token_id(join.secret) + pub + nonce + cookie
    return (b + prove(verifier(join.secret), b)).ljust(128, b"\0")


def open_reply(b, key, nonce):
    if len(b) != 80 or b[0] != 0x31 or not hmac.compare_digest(prove(key, b[:64]), b[64:]):
        return None
    code, slot = b[1], int.from_bytes(b[2:4], "big")
    if b[8:16] != nonce or code:
        return None
    return slot, b[16:32]


# --- Bulk


def enroll_proof(key, pub, binding):
    return mac(key, b"assim enroll " + pub + binding + b"\0")


def raw(pub):
    return pub.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class Bulk:
    """One contact."""

    def __init__(self, at, key, trusted):
        import datetime

        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "assim")])
        year = datetime.datetime
        cert = x509.CertificateBuilder(name, name, key.public_key(), 1, year(1970, 1, 1), year(2999, 1, 1)).sign(key, None)
        ctx = SSL.Context(SSL.TLS_CLIENT_METHOD)
        ctx.set_min_proto_version(SSL.TLS1_3_VERSION)
        ctx.set_alpn_protos([b"assim-bulk"])
        ctx.use_certificate(crypto.X509.from_cryptography(cert))
        ctx.use_privatekey(crypto.PKey.from_cryptography_key(key))
        self.conn = SSL.Connection(ctx, socket.create_connection(at, 15))
        self.conn.setblocking(1)
        self.conn.set_connect_state()
        self.conn.do_handshake()
        shown = self.conn.get_peer_certificate().to_cryptography().public_key()
        if not isinstance(shown, Ed25519PublicKey) or not trusted(raw(shown)):
            raise Malformed("this is not the CMA")
        self.binding = self.conn.export_keying_material(b"EXPORTER-assim-bulk", 32)

    def ask(self, kind, body):
        self.conn.sendall(struct.pack(">IB", len(body) + 1, kind) + body)
        size = int.from_bytes(self.read(4), "big")
        answer = self.read(size)
        return answer[0], answer[1:]

    def read(self, n):
        b = b""
        while len(b) < n:
            b += self.conn.recv(n - len(b))
        return b

    def close(self):
        try:
            self.conn.shutdown()
        except SSL.Error:
            pass
        self.conn.close()


def zstd(data):
    """A frame of zstd (RFC 8878) with one block that is not compressed."""
    assert 256 <= len(data) < 65536
    return struct.pack("<IBH", 0xFD2FB528, 0x60, len(data) - 256) + (1 | len(data) << 3).to_bytes(3, "little") + data


# --- The nanoprobe


class Peer:
    def __init__(self, member):
        self.member, self.seq, self.sent = member, 0, []
        self.session = self.newest = self.window = 0
        self.alive, self.proof, self.told = False, time.monotonic(), False


class Nanoprobe:
    def __init__(self, join, name):
        self.join, self.name = join, name
        self.key = Ed25519PrivateKey.generate()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.cma = (join.host, join.port)
        self.session = int(time.time() * 1e6)
        self.cookie = self.applied = self.acked = self.tries = 0
        self.waiting, self.flight, self.parts, self.peers = [], None, {}, {}
        self.timing = {"interval": 1000, "unresponsive": 2000, "rings": []}
        self.beat = 0.0
        self.stopping = False

    def say(self, what):
        print(what, flush=True)

    def about(self):
        ip, port = self.udp.getsockname()
        return text(self.name) + text("python") + machine_hash(self.name, "") + b"\x01" + address(ip, port)

    # Joining.

    def knock(self):
        nonce, cookie = os.urandom(8), bytes(16)
        for wait in (0.5, 1, 2, 4, 8, 16):
            self.udp.sendto(hello(self.join, raw(self.key.public_key()), nonce, cookie), self.cma)
            while select.select([self.udp], [], [], wait)[0]:
                reply = open_reply(self.udp.recv(2048), verifier(self.join.secret), nonce)
                if not reply:
                    continue
                slot, given = reply
                if given == bytes(16):
                    time.sleep(slot / 10)
                    return self.enroll()
                cookie, nonce = given, os.urandom(8)
                self.udp.sendto(hello(self.join, raw(self.key.public_key()), nonce, cookie), self.cma)
        raise Malformed("no CMA answers")

    def enroll(self):
        bulk = Bulk(self.cma, self.key, lambda shown: pin(shown) == self.join.pin)
        pub = raw(self.key.public_key())
        proof = enroll_proof(verifier(self.join.secret), pub, bulk.binding)
        kind, body = bulk.ask(F_ENROLL, token_id(self.join.secret) + proof + pub + bytes(16) + b"\0" + self.about())
        bulk.close()
        c = Cursor(body)
        if kind == F_REFUSED:
            code, why, retry = c.num(1), c.text(), c.num(4)
            raise Malformed(f"refused: {code} {why}, again in {retry} s")
        if kind != F_WELCOME:
            raise Malformed(f"frame kind {kind}")
        self.id, self.epoch, self.node_key = c.take(16), c.num(2), c.take(32)
        self.recovery, self.pins = c.take(32), [c.take(32) for _ in range(c.num(1))]
        c.done()
        self.say(f"joined n-{self.id.hex()}")

    # Signals.

    def signal(self, kind, seq=0, body=b""):
        m = {"session": self.session, "seq": seq, "ack": 0, "cookie": self.cookie, "applied": self.applied, "slot": 0, "kind": kind, "flags": 0, "body": body}
        self.udp.sendto(seal(m, self.node_key, False, self.epoch, self.id, os.urandom(12)), self.cma)

    def numbered(self, now):
        """Sends what is in flight when it is due: one message at a time."""
        if not self.flight and self.waiting:
            self.flight, self.due, self.tries = self.waiting.pop(0), now, 0
        if self.flight and now >= self.due:
            self.signal(self.flight[0], self.acked + 1, self.flight[1])
            self.due = now + min(2 ** self.tries, 60) * random.uniform(0.75, 1.25)
            self.tries += 1

    def heard_signal(self, now, b):
        m = open_signal(b, self.node_key)
        if not m or not m["from_cma"] or b[4:20] != self.id or m["session"] != self.session:
            return
        fresh = self.flight and self.tries and m["seq"] == self.acked + 1
        if fresh:
            self.cookie = m["cookie"]
        if self.flight and m["ack"] == self.acked + 1:
            self.say(f"acknowledged kind {self.flight[0]}")
            self.acked, self.flight = self.acked + 1, None
        c = Cursor(m["body"])
        if m["kind"] == HOLD and fresh:
            self.due = now + m["slot"] / 10
        elif m["kind"] == DEMAND and fresh:
            self.due = now
        elif m["kind"] == SESSION_OLD and fresh:
            self.session, self.acked, self.flight = max(self.session, c.num(8)) + 1, 0, None
            self.waiting.insert(0, (ANNOUNCE, self.about()))
        elif m["kind"] == SIGNAL_PING:
            self.signal(SIGNAL_PONG, 0, m["body"])
        elif m["kind"] == DESIRED:
            self.desired(c)
        elif m["kind"] == REFUSED and fresh:
            raise Malformed(f"refused: {c.num(1)} {c.text()}")

    def desired(self, c):
        gen, part, parts = c.num(4), c.num(2), c.num(2)
        if gen <= self.applied:
            return self.signal(ECHO)
        have = self.parts.setdefault(gen, {})
        have[part] = c.b
        if len(have) < parts:
            return
        d = parse_desired(b"".join(have[i] for i in range(parts)), self.timing if self.applied else None)
        self.parts = {}
        if not d:
            return self.signal(ECHO)  # It builds on what is not run here: the CMA makes a whole one.
        self.applied, self.timing = gen, d
        d["gen"] = gen
        wanted = neighbors(d)
        old, self.peers = self.peers, {}
        for who, member in wanted.items():
            e = edge_of(self.id, who)
            self.peers[e] = old.get(e) or Peer(member)
            self.peers[e].member = member
        self.say(f"runs generation {gen} with {len(self.peers)} neighbors")
        self.signal(ECHO)

    # Ticks.

    def tick(self, now, edge, kind, subject=0):
        p = self.peers[edge]
        p.seq += 1
        p.sent = (p.sent + [(p.seq, now)])[-64:]
        t = {"kind": kind, "edge": edge, "session": self.session, "seq": p.seq, "echo_session": p.session, "echo_seq": p.newest,
             "gen": self.applied, "every": self.timing["interval"] // 10, "subject": subject}
        self.udp.sendto(pack_tick(t, p.member["key"], direction(self.id, p.member["id"])), p.member["at"])

    def heard_tick(self, now, b):
        edge = int.from_bytes(b[2:10], "big")
        p = self.peers.get(edge)
        if not p:
            return
        way = direction(p.member["id"], self.id)
        t = open_tick(b, p.member["key"], way)
        if not t and p.member["other"]:
            t = open_tick(b, p.member["other"], way)
        if not t or t["session"] < p.session:
            return
        if t["session"] > p.session:
            p.session, p.newest, p.window = t["session"], 0, 0
        # 64 numbers back from the newest: each is heard once.
        ahead = t["seq"] - p.newest
        if ahead > 0:
            p.window, p.newest = (p.window << ahead | 1) & MASK, t["seq"]
        elif -ahead > 63 or p.window >> -ahead & 1:
            return
        else:
            p.window |= 1 << -ahead
        if t["kind"] == PING:
            self.tick(now, edge, PONG)
        elif t["kind"] == ASK:
            asked = [q for q in self.peers.values() if int.from_bytes(q.member["id"][:8], "big") == t["subject"]]
            if not asked or not asked[0].alive:
                return self.tick(now, edge, PONG)
            lately = now - asked[0].proof <= 1.2 * self.timing["interval"] / 1000
            self.tick(now, edge, HEARD if lately else NOT_HEARD, t["subject"])
        limit = now - 10 * self.timing["interval"] / 1000
        proof = t["echo_session"] == self.session and any(s == t["echo_seq"] and at >= limit for s, at in p.sent)
        if not proof:
            return
        if not p.alive:
            self.say(f"alive n-{p.member['id'].hex()}")
        p.alive, p.proof, p.told = True, now, False

    def silence(self, now):
        """Reports whoever was heard and is not any more."""
        for v in self.timing["rings"]:
            for m in v["members"]:
                p = self.peers.get(edge_of(self.id, m["id"]))
                if not p or not p.alive or p.told or now - p.proof < self.timing["unresponsive"] / 1000:
                    continue
                p.told = True
                self.say(f"silent n-{m['id'].hex()}")
                about, silent = 1, 4  # which of the fields in brackets are there
                seen = struct.pack(">BBQII", 1, about | silent, v["ring"], v["version"], 0) + m["id"] + struct.pack(">I", int(1000 * (now - p.proof)))
                self.waiting.append((REPORT, b"\x01\x01" + seen))

    # Life.

    def run(self):
        self.knock()
        self.waiting.append((ANNOUNCE, self.about()))
        facts = {"hostname": self.name, "note": "x" * 300}
        canonical = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        ref = text("os") + text("") + hashlib.sha256(canonical).digest()
        self.waiting.append((DOCUMENT, ref + b"\x01" + bytes(32) + zstd(canonical)))
        while True:
            now = time.monotonic()
            if self.stopping and not self.flight and not self.waiting:
                return self.say("stopped")
            self.numbered(now)
            if now >= self.beat and not self.stopping:
                for edge in self.peers:
                    self.tick(now, edge, HEARTBEAT)
                self.silence(now)
                self.beat = now + self.timing["interval"] / 1000 * random.uniform(0.9, 1.1)
            if not select.select([self.udp], [], [], 0.02)[0]:
                continue
            b = self.udp.recv(2048)
            if b[:1] == b"\x01":
                self.heard_tick(time.monotonic(), b)
            elif b[:1] == b"\x11":
                self.heard_signal(time.monotonic(), b)

    def stop(self, *_):
        now = time.monotonic()
        for edge in self.peers:
            self.tick(now, edge, GOODBYE)
        self.waiting, self.stopping = [(STOPPING, text("python was told to stop"))], True


# --- Vectors


def check(name, ok):
    if not ok:
        sys.exit(f"vector {name}: this nanoprobe does otherwise")


def vectors(folder):
    def read(name):
        with open(os.path.join(folder, name)) as f:
            return json.load(f)

    k = read("keys.json")
    a, b = bytes.fromhex(k["id_a"][2:]), bytes.fromhex(k["id_b"][2:])
    edge, epoch = edge_of(a, b), struct.pack(">H", k["epoch"])
    master, secret = bytes.fromhex(k["master"]), bytes.fromhex(k["join_secret"])
    join = Join(k["join_string"])
    check("edge", edge == int(k["edge_of_a_b"]))
    check("edge key", edge_key(master, epoch, a, b).hex() == k["edge_key"])
    check("node key", mac(master, b"sig" + a + epoch).hex() == k["node_key_of_a"])
    check("token", token_id(secret).hex() == k["join_token"] and verifier(secret).hex() == k["join_verifier"])
    check("join string", join.secret == secret and join.pin == pin(bytes.fromhex(k["pub"])) and join.port == 1984)
    check("machine", machine_hash(k["machine_id"], k["product_uuid"]).hex() == k["machine_hash"])
    count = 0
    for v in read("tick.json"):
        key, way, want, s = bytes.fromhex(v["key"]), bytes([1 if v["direction"] == "up" else 2]), bytes.fromhex(v["message"]), v["says"]
        t = {"kind": s["Kind"], "edge": int(s["Edge"]), "session": int(s["Session"]), "seq": s["Seq"], "echo_session": int(s["EchoSession"]),
             "echo_seq": s["EchoSeq"], "gen": s["Gen"], "every": s["Every"], "subject": int(s["Subject"])}
        check("tick " + v["name"], pack_tick(t, key, way) == want and open_tick(want, key, way) == t)
        count += 1
    for v in read("signal.json"):
        key, want, s, clear = bytes.fromhex(v["key"]), bytes.fromhex(v["message"]), v["says"], v["clear"]
        m = open_signal(want, key)
        check("signal " + v["name"], m and (m["kind"], m["seq"], m["ack"], m["session"], m["cookie"], m["body"].hex()) ==
              (s["Kind"], s["Seq"], s["AckThrough"], int(s["Session"]), int(s["Cookie"]), s["Body"]))
        again = seal(m, key, clear["FromCMA"], clear["Epoch"], bytes.fromhex(clear["ID"][2:]), bytes.fromhex(clear["Nonce"]))
        check("signal " + v["name"], again == want)
        count += 1
    for v in read("hello.json"):
        s, want = v["says"], bytes.fromhex(v["message"])
        key = bytes.fromhex(v["key"]) if "key" in v else None
        if want[0] == 0x21:
            b = struct.pack(">B3x", 0x21) + bytes.fromhex(s["Token"] + s["Pub"]) + struct.pack(">Q", int(s["Nonce"])) + bytes.fromhex(s["Cookie"])
            check("hello " + v["name"], (b + prove(key, b)).ljust(128, b"\0") == want)
        else:
            got = open_reply(want, key, struct.pack(">Q", int(s["Nonce"])))
            check("hello " + v["name"], got and got[1].hex() == s["Cookie"] and f"{got[0] / 10:g}s" == s["Slot"])
        count += 1
    for v in read("body.json"):
        s, want = v["says"], bytes.fromhex(v["message"])
        if v["name"] == "Desired":
            d = parse_desired(want)
            check("desired", d["gen"] == s["Gen"] and [m["id"].hex() for m in d["rings"][0]["members"]] == [m["ID"][2:] for m in s["Rings"][0]["Members"]])
        elif v["name"] == "EnrollProof":
            check("enroll proof", enroll_proof(bytes.fromhex(v["key"]), bytes.fromhex(s["Pub"]), bytes.fromhex(s["binding"])) == want)
        else:
            continue
        count += 1
    print(f"keys, and {count} messages: as the vectors say")


def main(args):
    if args[:1] == ["vectors"]:
        return vectors(os.path.dirname(os.path.abspath(__file__)))
    if len(args) != 3 or args[0] != "run":
        sys.exit(__doc__)
    probe = Nanoprobe(Join(args[1]), args[2])
    signal.signal(signal.SIGTERM, probe.stop)
    probe.run()


if __name__ == "__main__":
    main(sys.argv[1:])
