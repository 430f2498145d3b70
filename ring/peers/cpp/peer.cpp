// peer: the other end of a ring, for tests and for trying things out. What it does, and how
// its messages are made, is told in ../PROGRAM.md, the contract of the programs of all languages.
#include "peer_cell.hpp"
#include "peer_rate.hpp"

namespace {

an::ring open_ring(const std::string &name, bool readonly)
{
	if (name.starts_with("fd:"))
		return an::ring::open_fd(static_cast<int>(number("fd", name.substr(3))), readonly);
	if (name.find('/') != name.npos)
		return an::ring::open_file(name, readonly);
	return readonly ? an::ring::open_file("/dev/shm/" + name, true) : an::ring::open(name);
}

// die goes without a word, in the middle of things if it was told to.
[[noreturn]] void die(const an::ring &r, an::producer *p, const options &o)
{
	if (p != nullptr && o.cut) {
		auto *h = r.handle();
		while (annulus_claims_(h) && annulus_counter_(h, ANNULUS_CONSUMER) != annulus_counter_(h, ANNULUS_PRODUCER))
			sched_yield(); // a full ring would not take the claims
		std::vector<an::reservation> open;
		for (std::uint64_t i = 0; i < o.batch; i++) {
			an::reservation room = p->try_reserve(o.messages.min);
			if (!room)
				break;
			std::memset(room.data(), 0xee, room.size());
			if (i + 1 < o.batch)
				room.stage();
			else
				open.push_back(std::move(room));
		}
		std::raise(SIGKILL);
	}
	std::raise(SIGKILL);
	std::abort();
}

void send_one(an::producer &p, const options &o, std::uint64_t seq, std::vector<std::byte> &buf)
{
	std::size_t n = payload_length(&o.messages, seq);
	auto fill = [&](std::byte *at) { payload_fill(&o.messages, seq, reinterpret_cast<std::uint8_t *>(at), n); };
	if (o.batch == 1) {
		fill(buf.data());
		if (!p.send(std::span<const std::byte>(buf).first(n), o.limit()))
			over(p.status());
		return;
	}
	an::reservation room = p.reserve(n, o.limit());
	if (!room)
		over(p.status());
	fill(room.data());
	room.stage();
}

void run_send(const an::ring &r, const options &o)
{
	doing = "attach";
	an::producer p = r.producer({.wait = o.wait, .tag = o.tag});
	if (o.announce)
		say("attached");
	if (o.tag)
		say("committed " + std::to_string(p.committed()));
	std::vector<std::byte> buf(o.messages.max);
	std::uint64_t count = o.count == options::all ? 1 : o.count, first = o.start + (o.resume ? p.committed() : 0);
	doing = "send";
	for (std::uint64_t i = 0; i < count; i++) {
		send_one(p, o, first + i, buf);
		if ((i + 1) % o.batch == 0 || i + 1 == count || i + 1 == o.die_after)
			p.publish();
		if (i + 1 == o.die_after)
			die(r, &p, o);
	}
	p.detach();
	say("sent " + std::to_string(count) + " ok");
}

void run_recv(const an::ring &r, const options &o)
{
	doing = "attach";
	an::consumer c = r.consumer({.wait = o.wait, .backlog = o.backlog, .lossy = o.lossy});
	if (o.announce)
		say("attached");
	doing = "recv";
	receiver got(o);
	std::uint64_t count = o.hold ? 1 : o.count;
	std::vector<std::byte> buf;
	std::vector<an::message_view> room(std::min<std::uint64_t>(o.batch, 1 << 16));
	while (got.done < count) {
		if (o.batch == 1 && o.die_after == 0 && !o.hold && !o.any) {
			buf.resize(o.messages.max);
			std::optional<std::size_t> n = c.recv_into(buf, o.limit());
			if (!n)
				break;
			got.lost = c.missed();
			got.check(an::message_view::of(std::span<const std::byte>(buf).first(*n)));
			continue;
		}
		std::uint64_t most = std::min<std::uint64_t>(room.size(), count - got.done);
		if (o.die_after > got.done)
			most = std::min(most, o.die_after - got.done);
		an::batch batch = c.peek_batch(std::span(room).first(most), o.limit());
		if (!batch)
			break;
		got.lost = c.missed();
		for (const an::message_view &m : batch) {
			got.check(m);
			if (got.done == o.die_after)
				die(r, nullptr, o);
		}
	}
	an::errc status = c.status();
	c.detach();
	if (got.done < count && status != an::errc::end)
		over(status);
	if (got.done < count && count != options::all)
		throw failed("end of stream after " + std::to_string(got.done) + " of " + std::to_string(count));
	std::string line = "received " + std::to_string(got.done) + " ok";
	if (o.any)
		line += " mix " + std::to_string(got.mix) + " redelivered " + std::to_string(got.redelivered);
	if (o.lossy)
		line += " lost " + std::to_string(got.lost);
	say(line);
}

void run_hold(const an::ring &r, const std::string &role, const options &o)
{
	doing = "attach";
	an::producer p;
	an::consumer c;
	if (role == "producer")
		p = r.producer({.wait = o.wait, .tag = o.tag});
	else
		c = r.consumer({.wait = o.wait});
	say("attached");
	wait_for_end();
}

void run_cat(const an::ring &r, const options &o)
{
	doing = "attach";
	an::consumer c = r.consumer({.wait = o.wait, .backlog = o.backlog, .lossy = true});
	doing = "cat";
	for (std::uint64_t i = 0, lost = 0; i < o.count; i++) {
		an::message m = c.peek(std::chrono::seconds(10));
		if (c.missed() > lost) {
			say("lost " + std::to_string(c.missed() - lost));
			lost = c.missed();
		}
		if (!m)
			over(c.status());
		std::string line = "message length=" + std::to_string(m.size()) + " payload=" + hexadecimal(m.bytes());
		if (m.redelivered())
			line += " redelivered=" + std::to_string(m.redelivered());
		say(line);
	}
	bool more = static_cast<bool>(c.try_peek());
	say(more ? "more" : c.ended() ? "end" : "empty");
}

// run_vector does with a new ring what vectors/README.md tells of mpmc-claims.bin, and leaves
// its endpoints as they are.
void run_vector(const an::ring &r)
{
	doing = "vector";
	an::producer p[2] = {r.producer(), r.producer()};
	an::consumer c[2] = {r.consumer(), r.consumer()};
	auto text = [](int i) { return std::string(static_cast<std::size_t>(3 * i % 25), static_cast<char>('a' + i)); };
	auto reserve = [&](an::producer &from, int i) {
		an::reservation room = from.try_reserve(text(i).size());
		if (!room)
			over(from.status());
		std::memcpy(room.data(), text(i).data(), room.size());
		return room;
	};
	std::string got;
	for (int i = 0; i < 8; i++)
		p[0].send(text(i));
	for (int i = 0; i < 6; i++)
		if (!c[0].try_recv(got))
			over(c[0].status());
	reserve(p[0], 8).abort();
	reserve(p[1], 9).stage();
	reserve(p[1], 10).stage();
	p[1].publish();
	an::reservation open = reserve(p[1], 11);
	p[0].send(text(12));
	an::message held[2] = {c[1].try_peek(), c[1].try_peek()};
	if (!held[1])
		over(c[1].status());
	say("made");
	std::_Exit(0);
}

int run(options &o)
{
	if (o.words.at(0) == "cell")
		return run_cell(o);
	const std::string command = o.words.at(0), &name = o.words.back();
	if (command == "create") {
		doing = "create";
		if (o.config.topology == an::topology::mpmc || o.config.kind == an::kind::slots)
			o.config.slot_size = o.messages.max;
		name.find('/') != name.npos ? an::ring::create_file(name, o.config) : an::ring::create(name, o.config);
		say("created");
		return 0;
	}
	an::ring r = open_ring(name, o.readonly || command == "dump");
	if (o.config.kind != an::kind::standard && o.config.kind != r.kind())
		throw an::error(an::errc::invalid, "invalid argument: a ring of the other kind");
	if (r.kind() == an::kind::slots && !o.sized)
		o.messages.min = o.messages.max = r.slot_size();
	if (command == "send")
		run_send(r, o);
	else if (command == "recv")
		run_recv(r, o);
	else if (command == "hold")
		run_hold(r, o.words.at(1), o);
	else if (command == "rate")
		run_rate(r, o.words.at(1), o);
	else if (command == "cat")
		run_cat(r, o);
	else if (command == "vector")
		run_vector(r);
	else if (command == "dump")
		return dump(r.handle());
	else
		say("ok");
	return 0;
}

bool known(const std::vector<std::string> &words)
{
	if (words.size() == 3 && words[0] == "cell") {
		for (const char *c : {"create", "write", "read", "cat", "check", "dump"})
			if (words[1] == c)
				return true;
		return false;
	}
	if (words.size() == 3)
		return (words[0] == "hold" && (words[1] == "producer" || words[1] == "consumer")) ||
		       (words[0] == "rate" && (words[1] == "send" || words[1] == "recv"));
	if (words.size() != 2)
		return false;
	for (const char *c : {"create", "send", "recv", "check", "dump", "cat", "vector"})
		if (words[0] == c)
			return true;
	return false;
}

} // namespace

int main(int argc, char **argv)
{
	std::ios::sync_with_stdio(true); // dump is written in C
	try {
		options o = parse(argc, argv);
		if (!known(o.words))
			throw usage_error("usage: peer create|send|recv|check|dump|cat|vector NAME [options] | peer hold producer|consumer NAME | "
					  "peer rate send|recv NAME --size N [options] | "
					  "peer cell create|write|read|cat|check|dump NAME [options]");
		return run(o);
	} catch (const usage_error &e) {
		std::cerr << e.what() << '\n';
		return 2;
	} catch (const std::exception &e) {
		std::cerr << doing << ": " << e.what() << '\n';
		return 1;
	}
}
