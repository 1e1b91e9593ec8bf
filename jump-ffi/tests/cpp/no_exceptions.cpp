// jump.hpp without exceptions, in two units.

#include "jump/jump.hpp"

std::size_t items_of(const jump::rep &rep);

int main(int, char **argv) {
    auto context = jump::context::create();
    auto login = jump::login::load(argv[1]);
    if (!context || !login) return 1;
    auto rep = jump::rep::connect(context.value(), login.value());
    if (!rep) return 2;
    if (rep.value().open("nowhere").status() != JUMP_ERR_NOT_FOUND) return 3;
    return items_of(rep.value()) > 0 ? 0 : 4;
}
