#include "jump/jump.hpp"

std::size_t items_of(const jump::rep &rep) {
    auto items = rep.items();
    return items ? items.value().bytes().size() : 0;
}
