// Runs a command on an item and shows what it says as it says it: shell LOGIN ITEM COMMAND

#include <array>
#include <iostream>

#include "jump/jump.hpp"

int main(int argc, char **argv) {
    if (argc != 4) {
        std::cerr << "usage: shell LOGIN ITEM COMMAND\n";
        return 2;
    }
    try {
        const auto context = jump::context::create().value();
        const auto login = jump::login::load(argv[1]).value();
        const auto rep = jump::rep::connect(context, login).value();
        const auto session = rep.open(argv[2]).value();
        const auto shell = session.exec(std::string_view(argv[3])).value();
        std::array<std::uint8_t, 4096> buffer;
        while (const auto piece = shell.read(buffer.data(), buffer.size()).value()) {
            auto &to = piece.whose == JUMP_SHELL_STDERR ? std::cerr : std::cout;
            to.write(reinterpret_cast<const char *>(buffer.data()), static_cast<std::streamsize>(piece.size)).flush();
        }
        return static_cast<int>(shell.exit().value().code);
    } catch (const jump::failure &failure) {
        std::cerr << "shell: " << failure.what() << "\n";
        return 1;
    }
}
