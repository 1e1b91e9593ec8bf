// The scenarios of tests/c/conformance.c, in C++.

#include <array>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "jump/jump.hpp"

#define CHECK(condition)                                                                          \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            std::cerr << __FILE__ << ":" << __LINE__ << ": not so: " << #condition << std::endl;  \
            std::exit(1);                                                                         \
        }                                                                                         \
    } while (0)

using namespace std::literals;

static bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

static void meanwhile(std::string_view what) {
    std::string line;
    std::cout << "ready " << what << std::endl;
    CHECK(std::getline(std::cin, line));
}

static jump_status end_of(const jump::session &session) {
    for (;;) {
        auto event = session.next_event(30s).value();
        CHECK(event);
        if (event->type() == JUMP_EVENT_ENDED) {
            CHECK(session.next_event(jump::at_once).status() == JUMP_ERR_CLOSED);
            return event->status();
        }
    }
}

static std::string read_all(const jump::shell &shell) {
    std::string text;
    std::array<std::uint8_t, 1000> buffer;
    while (const auto piece = shell.read(buffer.data(), buffer.size()).value()) {
        text.append(reinterpret_cast<const char *>(buffer.data()), piece.size);
    }
    return text;
}

static void read_until(const jump::shell &shell, std::string_view wanted) {
    std::string text;
    std::array<std::uint8_t, 1000> buffer;
    while (!has(text, wanted)) {
        const auto piece = shell.read(buffer.data(), buffer.size()).value();
        CHECK(piece);
        text.append(reinterpret_cast<const char *>(buffer.data()), piece.size);
    }
}

static void list(const jump::rep &rep) {
    CHECK(rep.user() == "alice");
    const auto items = rep.items().value();
    for (const auto name : {"box", "desk", "port"}) {
        CHECK(has(items.text(), "\"name\":\""s + name + '"'));
    }
    CHECK(!has(rep.items("{\"name\": \"port\"}").value().text(), "\"name\":\"box\""));
    CHECK(rep.items("{\"nome\": 1}").status() == JUMP_ERR_INVALID_ARGUMENT);
}

static void decide(const jump::rep &rep) {
    CHECK(has(rep.why("{\"item\": \"box\"}").value().text(), "\"effect\":\"allow\""));
    CHECK(has(rep.what("{}").value().text(), "web/box"));
    CHECK(rep.who("{\"item\": \"box\"}").status() == JUMP_ERR_DENIED);
    CHECK(rep.why("{\"item\": \"nowhere\"}").status() == JUMP_ERR_NOT_FOUND);
    auto empty = jump::world::from("[]").value();
    const auto answer = empty.decide("{\"user\": 1, \"item\": 1, \"action\": \"view\"}").value();
    CHECK(has(answer.text(), "\"effect\":\"deny\""));
}

static void shell(const jump::rep &rep) {
    auto session = rep.open("box").value();
    CHECK(session.kind() == JUMP_SESSION_SHELL);
    CHECK(has(session.grant_json(), session.id()));
    auto output = session.run("id -un; echo oops >&2; exit 7").value();
    CHECK(output.out.text() == "jumptest\n" && output.err.text() == "oops\n" && output.code == 7);
    auto command = session.exec("cat; kill -TERM $$"sv).value();
    CHECK(command.exit().status() == JUMP_ERR_UNAVAILABLE);
    command.write("hello\n"sv).value();
    command.finish().value();
    CHECK(read_all(command) == "hello\n");
    CHECK(command.exit().value().code == -1 && command.exit().value().signal == "TERM");
    auto shell = session.shell(80, 24, "vt100").value();
    // A shell that waits for a line may write an old size back, so what waits here is a program.
    shell.write("exec sh -c 'echo ready-$((1+1)); read line; stty size; exit 3'\n"sv).value();
    read_until(shell, "ready-2");
    shell.resize(132, 50).value();
    shell.write("\n"sv).value();
    CHECK(has(read_all(shell), "50 132"));
    CHECK(shell.exit().value().code == 3);
    session.close().value();
    CHECK(end_of(session) == JUMP_OK);
}

static void files(const jump::rep &rep, const std::string &folder) {
    auto session = rep.open("box").value();
    const std::string remote = "/tmp/jump-ffi-" + std::string(session.id());
    const std::string local = folder + "/local-cpp", back = folder + "/back-cpp";
    std::string bytes(1000000, '\0');
    for (std::size_t place = 0; place < bytes.size(); place++) bytes[place] = static_cast<char>(place * 31 + place / 4096);
    std::ofstream(local, std::ios::binary) << bytes;
    std::uint64_t seen = 0;
    const auto moved = session.upload(local, remote, [&](std::uint64_t done, std::int64_t) {
        seen = done;
        return true;
    });
    CHECK(moved && seen == bytes.size());
    CHECK(session.download(remote, back).value() == bytes.size());
    std::ifstream file(back, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == bytes);
    CHECK(session.download(remote, back, [](auto, auto) { return false; }).status() == JUMP_ERR_CLOSED);
    CHECK(session.download("/tmp/no/such/file", back).status() == JUMP_ERR_NOT_FOUND);
    session.run("rm " + remote).value();
}

static void rdp(const jump::rep &rep) {
    auto session = rep.open("win").value();
    session.painted(30s).value();
    {
        auto frame = session.frame().value();
        CHECK(frame.width() == 640 && frame.height() == 480 && frame.row(479)[639 * 4 + 3] == 255);
    }
    session.pointer(20, 30, JUMP_BUTTON_LEFT).value();
    session.pointer(20, 30).value();
    session.type("jump\n").value();
    session.close().value();
}

static void screen(const jump::rep &rep) {
    auto session = rep.open("desk").value();
    session.painted(30s).value();
    {
        auto frame = session.frame().value();
        CHECK(frame.width() > 0 && frame.row(frame.height() - 1).size() == frame.width() * 4);
        CHECK(frame.row(0)[3] == 255 && frame.row(frame.height()).empty());
    }
    const auto png = session.png().value();
    CHECK(has(png.text().substr(0, 8), "PNG"));
    session.pointer(20, 30, JUMP_BUTTON_LEFT).value();
    session.pointer(20, 30).value();
    session.scroll(0, -1).value();
    session.key(0xffe1, true).value();
    session.key(0xffe1, false).value();
    session.type("jump \xc3\xa4\n").value();
    session.set_clipboard("from C++").value();
    CHECK(session.pointer(60000, 0).status() == JUMP_ERR_INVALID_ARGUMENT);
    session.resize(800, 600).value();
    for (bool resized = false; !resized;) {
        auto event = session.next_event(30s).value();
        CHECK(event);
        if (event->type() == JUMP_EVENT_DAMAGE) {
            const auto rects = event->damage();
            CHECK(!rects.empty() && rects.size() <= 64 && rects[0].width > 0);
        }
        resized = event->type() == JUMP_EVENT_RESIZED;
        CHECK(!resized || has(event->json(), "800"));
    }
    CHECK(session.shell(80, 24).status() == JUMP_ERR_INVALID_ARGUMENT);
    session.close().value();
}

/* An item without a Jumpoint: this process is the gate. */
static void local(const jump::context &context, const jump::login &login, const jump::rep &without) {
    const auto password = jump::secret::copy("secret12").value();
    CHECK(without.open_as("here", "", password).status() == JUMP_ERR_UNSUPPORTED);
    const auto elsewhere = jump::rep::connect(context, login, R"({"local_jumps": {}})").value();
    const auto refused = elsewhere.open_as("here", "", password);
    CHECK(!refused && has(refused.error().message(), "network policy"));
    const auto rep = jump::rep::connect(context, login, R"({"local_jumps": {"allow": ["127.0.0.0/8"]}})").value();
    auto session = rep.open_as("here", "", password).value();
    session.painted(30s).value();
    CHECK(session.frame().value().row(0)[3] == 255);
    session.type("jump\n").value();
    CHECK(rep.settle(0s).status() == JUMP_ERR_TIMEOUT);
    session.close().value();
    rep.settle(30s).value();
}

static void tunnel(const jump::rep &rep, std::uint16_t port) {
    auto session = rep.open("port").value();
    auto stream = session.open("127.0.0.1", port).value();
    std::array<std::uint8_t, 4> banner;
    CHECK(stream.read(banner.data(), banner.size(), 30s).value() == 4 && std::memcmp(banner.data(), "SSH-", 4) == 0);
    CHECK(session.open("127.0.0.1", port ^ 1).status() == JUMP_ERR_DENIED);
    CHECK(session.listen().value().port().value() != 0);
}

static void is_ended(const jump::rep &rep, std::string_view how) {
    auto session = rep.open("box").value();
    auto command = session.exec("sleep 600"sv).value();
    std::cout << "session " << session.id() << std::endl;
    meanwhile(how);
    std::uint8_t byte;
    CHECK(command.read(&byte, 1, 30s).status() == JUMP_ERR_SESSION_ENDED);
    CHECK(session.run("true").status() == JUMP_ERR_SESSION_ENDED);
    CHECK(end_of(session) == JUMP_ERR_SESSION_ENDED);
}

static void errors(const jump::context &context, const jump::rep &rep) {
    const auto nothing = rep.open("nowhere");
    CHECK(!nothing && nothing.status() == JUMP_ERR_NOT_FOUND);
    CHECK(!nothing.error().message().empty() && has(nothing.error().detail_json(), "not_found"));
    bool thrown = false;
    try {
        auto session = rep.open("nowhere").value();
    } catch (const jump::failure &failure) {
        thrown = failure.status() == JUMP_ERR_NOT_FOUND && failure.what() == nothing.error().message();
    }
    CHECK(thrown);
    CHECK(jump::login::load("/no/such/file").status() == JUMP_ERR_NOT_FOUND);
    const auto invitation = jump::secret::copy("jump-invite-1.nothing").value();
    CHECK(jump::login::enrol(context, invitation, "test").status() == JUMP_ERR_INVALID_ARGUMENT);
    CHECK(jump::login::authenticate(context, "{}", invitation, "test").status() == JUMP_ERR_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    {
        auto context = jump::context::create().value();
        auto login = jump::login::load(argv[1]).value();
        auto rep = jump::rep::connect(context, login).value();
        CHECK(login.user() == "alice");
        list(rep);
        decide(rep);
        errors(context, rep);
        shell(rep);
        files(rep, argv[2]);
        screen(rep);
        rdp(rep);
        local(context, login, rep);
        tunnel(rep, static_cast<std::uint16_t>(std::stoul(argv[3])));
        is_ended(rep, "kill");
        is_ended(rep, "revoke");
    }
    CHECK(jump_handle_count() == 0);
    std::cout << "all scenarios" << std::endl;
}
