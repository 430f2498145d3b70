// peer cell: cells and blocks.
#ifndef ANNULUS_PEER_CELL_HPP
#define ANNULUS_PEER_CELL_HPP

#include "peer_common.hpp"

inline void cell_write(const an::cell &c, const options &o)
{
	doing = "attach";
	an::cell_writer w = c.writer();
	if (o.announce)
		say("attached");
	doing = "cell";
	std::vector<std::uint8_t> buf(o.messages.max);
	std::uint64_t count = o.count == options::all ? 1 : o.count;
	for (std::uint64_t i = 1; i <= count; i++) {
		std::uint64_t version = w.version() + 1, n = payload_length(&o.messages, version);
		if (i % 2) {
			payload_fill(&o.messages, version, buf.data(), n);
			w.write(std::span<const std::uint8_t>(buf).first(n));
		} else {
			an::draft d = w.begin();
			payload_fill(&o.messages, version, reinterpret_cast<std::uint8_t *>(d.bytes().data()), n);
			d.commit(n);
		}
		if (i == o.die_after) {
			an::draft d;
			if (o.cut) {
				d = w.begin();
				std::memset(d.bytes().data(), 0xee, d.bytes().size());
			}
			std::raise(SIGKILL);
		}
	}
	std::uint64_t last = w.version();
	w.detach();
	say("wrote " + std::to_string(count) + " ok last " + std::to_string(last));
}

inline void cell_read(const an::cell &c, const options &o)
{
	doing = "attach";
	an::cell_reader r = c.reader(o.wait);
	if (o.announce)
		say("attached");
	doing = "cell";
	std::vector<std::uint8_t> buf;
	std::uint64_t reads = 0, last = 0;
	while (last < o.until && r.next(buf, o.limit())) {
		const char *wrong = r.version() <= last ? "version" : payload_check(&o.messages, r.version(), buf.data(), buf.size());
		if (wrong != nullptr)
			throw failed("ring corrupt: version " + std::to_string(r.version()) + " of " + std::to_string(buf.size()) + " bytes: wrong " + wrong);
		last = r.version();
		reads++;
	}
	if (last < o.until && !r.ended())
		over(r.status());
	say("read " + std::to_string(reads) + " ok last " + std::to_string(last) + (last < o.until ? " end" : ""));
}

inline void cell_cat(const an::cell &c)
{
	doing = "cell";
	an::cell_reader r = c.reader();
	std::vector<std::byte> value;
	if (!r.load(value))
		value.clear();
	say("value version=" + std::to_string(r.version()) + " length=" + std::to_string(value.size()) + " payload=" + hexadecimal(value));
}

inline an::cell open_cell(const std::string &name, bool readonly)
{
	if (name.starts_with("fd:"))
		return an::cell::open_fd(static_cast<int>(number("fd", name.substr(3))), readonly);
	return an::cell::open_file((name.find('/') != name.npos ? "" : "/dev/shm/") + name, readonly);
}

inline int run_cell(options &o)
{
	const std::string command = o.words.at(1), &name = o.words.at(2);
	if (command == "create") {
		doing = "create";
		auto make = name.find('/') != name.npos ? an::cell::create_file : an::cell::create;
		make(name, o.messages.max, o.block);
		say("created");
		return 0;
	}
	an::cell c = open_cell(name, o.readonly || command == "dump");
	if (!o.sized) {
		o.messages.max = c.size();
		o.messages.min = c.is_block() ? std::min<std::uint64_t>(12, c.size()) : c.size();
	}
	if (command == "write")
		cell_write(c, o);
	else if (command == "read")
		cell_read(c, o);
	else if (command == "cat")
		cell_cat(c);
	else if (command == "dump") {
		dump_cell(c.handle());
		cell_cat(c);
	} else
		say("ok");
	return 0;
}

#endif
