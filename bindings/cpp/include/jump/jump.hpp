// jump.hpp: libjump for C++17, in one header. docs/c.md is the guide.
//
// Every object owns its handle and frees it. What can fail gives a jump::result<T>: test it, or take its value(), which throws
// jump::failure (without exceptions it ends the program). Text is UTF-8. Objects may be used from several threads at once, as in
// C; moving one is for one thread.
#ifndef JUMP_HPP
#define JUMP_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "jump/jump.h"

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define JUMP_HPP_EXCEPTIONS 1
#endif

namespace jump {

using milliseconds = std::chrono::milliseconds;

/// As long as it takes.
inline constexpr milliseconds for_ever{-1};
/// Not at all.
inline constexpr milliseconds at_once{0};

/// Bytes of somebody else: what std::span<const std::byte> is in C++20.
class bytes_view {
public:
    constexpr bytes_view() noexcept = default;
    constexpr bytes_view(const std::uint8_t *data, std::size_t size) noexcept : data_(data), size_(size) {}
    bytes_view(std::string_view text) noexcept
        : data_(reinterpret_cast<const std::uint8_t *>(text.data())), size_(text.size()) {}
    bytes_view(const std::vector<std::uint8_t> &bytes) noexcept : data_(bytes.data()), size_(bytes.size()) {}

    constexpr const std::uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const std::uint8_t *begin() const noexcept { return data_; }
    constexpr const std::uint8_t *end() const noexcept { return data_ + size_; }
    constexpr std::uint8_t operator[](std::size_t place) const noexcept { return data_[place]; }
    std::string_view text() const noexcept { return {reinterpret_cast<const char *>(data_), size_}; }

private:
    const std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

/// What went wrong.
class error {
public:
    error(jump_status status, jump_error *object) : status_(status) {
        if (const char *message = jump_error_message(object)) message_ = message;
        if (const char *detail = jump_error_detail_json(object)) detail_ = detail;
        retryable_ = jump_error_is_retryable(object);
        jump_error_free(object);
        if (message_.empty()) message_ = jump_status_name(status);
    }

    /// JUMP_ERR_…
    jump_status status() const noexcept { return status_; }
    const std::string &message() const noexcept { return message_; }
    /// The same in parts, as JSON.
    const std::string &detail_json() const noexcept { return detail_; }
    /// Whether the same call may work later without a change.
    bool is_retryable() const noexcept { return retryable_; }

private:
    jump_status status_;
    std::string message_;
    std::string detail_;
    bool retryable_ = false;
};

#ifdef JUMP_HPP_EXCEPTIONS
/// What value() throws.
class failure : public std::runtime_error {
public:
    explicit failure(jump::error error) : std::runtime_error(error.message()), error_(std::move(error)) {}
    const jump::error &error() const noexcept { return error_; }
    jump_status status() const noexcept { return error_.status(); }

private:
    jump::error error_;
};
#endif

namespace detail {
[[noreturn]] inline void fail(const error &error) {
#ifdef JUMP_HPP_EXCEPTIONS
    throw failure(error);
#else
    std::fprintf(stderr, "jump: %s\n", error.message().c_str());
    std::abort();
#endif
}
} // namespace detail

/// A value, or why there is none.
template <class T> class [[nodiscard]] result {
public:
    result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    result(jump::error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    T &value() & { return check(), *std::get_if<0>(&state_); }
    T &&value() && { return check(), std::move(*std::get_if<0>(&state_)); }
    /// Only if there is no value.
    const jump::error &error() const noexcept { return *std::get_if<1>(&state_); }
    jump_status status() const noexcept { return has_value() ? JUMP_OK : error().status(); }

private:
    void check() const {
        if (!has_value()) detail::fail(error());
    }
    std::variant<T, jump::error> state_;
};

/// Done, or why not.
template <> class [[nodiscard]] result<void> {
public:
    result() = default;
    result(jump::error error) : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }
    void value() const {
        if (error_) detail::fail(*error_);
    }
    const jump::error &error() const noexcept { return *error_; }
    jump_status status() const noexcept { return error_ ? error_->status() : JUMP_OK; }

private:
    std::optional<jump::error> error_;
};

namespace detail {

struct deleter {
    void operator()(jump_buf *one) const noexcept { jump_buf_free(one); }
    void operator()(jump_secret *one) const noexcept { jump_secret_free(one); }
    void operator()(jump_context *one) const noexcept { jump_context_free(one); }
    void operator()(jump_event *one) const noexcept { jump_event_free(one); }
    void operator()(jump_login *one) const noexcept { jump_login_free(one); }
    void operator()(jump_rep *one) const noexcept { jump_rep_free(one); }
    void operator()(jump_session *one) const noexcept { jump_session_free(one); }
    void operator()(jump_shell *one) const noexcept { jump_shell_free(one); }
    void operator()(jump_stream *one) const noexcept { jump_stream_free(one); }
    void operator()(jump_listener *one) const noexcept { jump_listener_free(one); }
    void operator()(jump_frame *one) const noexcept { jump_frame_free(one); }
    void operator()(jump_world *one) const noexcept { jump_world_free(one); }
    void operator()(jump_broker *one) const noexcept { jump_broker_free(one); }
    void operator()(jump_broker_options *one) const noexcept { jump_broker_options_free(one); }
    void operator()(jump_jumpoint *one) const noexcept { jump_jumpoint_free(one); }
    void operator()(jump_jumpoint_identity *one) const noexcept { jump_jumpoint_identity_free(one); }
};

template <class H> using handle = std::unique_ptr<H, deleter>;

/// A call that gives a handle, as an object made of it.
template <class T, class H, class Call> result<T> make(Call call) {
    H *made = nullptr;
    jump_error *object = nullptr;
    const jump_status status = call(&made, &object);
    if (status != JUMP_OK) return error(status, object);
    return T(handle<H>(made));
}

/// A call that gives nothing.
template <class Call> result<void> done(Call call) {
    jump_error *object = nullptr;
    const jump_status status = call(&object);
    if (status != JUMP_OK) return error(status, object);
    return {};
}

inline std::string_view view(const char *text) noexcept { return text ? std::string_view(text) : std::string_view(); }

/// Text for C; nothing is NULL.
class c_text {
public:
    explicit c_text(std::string_view text) : text_(text) {}
    operator const char *() const noexcept { return text_.c_str(); }
    const char *or_null() const noexcept { return text_.empty() ? nullptr : text_.c_str(); }

private:
    std::string text_;
};

} // namespace detail

/// Bytes or text that a call gave; wiped when it goes.
class buffer {
public:
    explicit buffer(detail::handle<jump_buf> handle) : handle_(std::move(handle)) {}
    bytes_view bytes() const noexcept { return {jump_buf_data(handle_.get()), jump_buf_len(handle_.get())}; }
    std::string_view text() const noexcept { return bytes().text(); }

private:
    detail::handle<jump_buf> handle_;
};

/// A secret that goes in and is never given back.
class secret {
public:
    explicit secret(detail::handle<jump_secret> handle) : handle_(std::move(handle)) {}
    static result<secret> copy(std::string_view text) {
        const bytes_view bytes(text);
        return detail::make<secret, jump_secret>(
            [&](auto out, auto error) { return jump_secret_new(bytes.data(), bytes.size(), out, error); });
    }
    const jump_secret *get() const noexcept { return handle_.get(); }

private:
    detail::handle<jump_secret> handle_;
};

/// What everything else is made in.
class context {
public:
    explicit context(detail::handle<jump_context> handle) : handle_(std::move(handle)) {}
    static result<context> create(std::string_view options_json = {}) {
        const detail::c_text options(options_json);
        return detail::make<context, jump_context>(
            [&](auto out, auto error) { return jump_context_new(options.or_null(), out, error); });
    }
    /// Can be polled as long as any session, broker or Jumpoint has an event.
    int wakeup_fd() const noexcept { return jump_context_wakeup_fd(handle_.get()); }
    const jump_context *get() const noexcept { return handle_.get(); }

private:
    detail::handle<jump_context> handle_;
};

/// Something that happened.
class event {
public:
    explicit event(detail::handle<jump_event> handle) : handle_(std::move(handle)) {}
    jump_event_type type() const noexcept { return jump_event_type_of(handle_.get()); }
    std::uint64_t request_id() const noexcept { return jump_event_request_id(handle_.get()); }
    jump_status status() const noexcept { return jump_event_status(handle_.get()); }
    std::string_view json() const noexcept { return detail::view(jump_event_json(handle_.get())); }
    std::vector<jump_rect> damage() const {
        std::vector<jump_rect> rects(jump_event_damage(handle_.get(), nullptr, 0));
        jump_event_damage(handle_.get(), rects.data(), rects.size());
        return rects;
    }

private:
    detail::handle<jump_event> handle_;
};

namespace detail {
/// No event is no error.
template <class Call> result<std::optional<event>> next_event(Call call) {
    jump_event *made = nullptr;
    jump_error *object = nullptr;
    const jump_status status = call(&made, &object);
    if (status != JUMP_OK) return error(status, object);
    if (!made) return std::optional<event>();
    return std::optional<event>(event(handle<jump_event>(made)));
}
} // namespace detail

/// Who a rep is to its broker.
class login {
public:
    explicit login(detail::handle<jump_login> handle) : handle_(std::move(handle)) {}
    static result<login> load(std::string_view path) {
        const detail::c_text text(path);
        return detail::make<login, jump_login>([&](auto out, auto error) { return jump_login_load(text, out, error); });
    }
    static result<login> from(const secret &text) {
        return detail::make<login, jump_login>(
            [&](auto out, auto error) { return jump_login_from_secret(text.get(), out, error); });
    }
    static result<login> enrol(const context &context, const secret &invitation, std::string_view label) {
        const detail::c_text text(label);
        return detail::make<login, jump_login>([&](auto out, auto error) {
            return jump_login_enrol(context.get(), invitation.get(), text, out, error);
        });
    }
    /// Turns a proof that the site's own system understands into a login; `broker_json` is where the broker is and its key.
    static result<login> authenticate(const context &context, std::string_view broker_json, const secret &proof,
                                      std::string_view label) {
        const detail::c_text broker(broker_json), text(label);
        return detail::make<login, jump_login>([&](auto out, auto error) {
            return jump_login_authenticate(context.get(), broker, proof.get(), text, out, error);
        });
    }
    result<void> save(std::string_view path) const {
        const detail::c_text text(path);
        return detail::done([&](auto error) { return jump_login_save(handle_.get(), text, error); });
    }
    std::string_view user() const noexcept { return detail::view(jump_login_user(handle_.get())); }
    const jump_login *get() const noexcept { return handle_.get(); }

private:
    detail::handle<jump_login> handle_;
};

/// A piece that was read; empty at the end.
struct piece {
    std::size_t size = 0;
    /// JUMP_SHELL_STDOUT or JUMP_SHELL_STDERR, of a shell.
    jump_shell_output whose = 0;
    /// Whether it was not the end.
    explicit operator bool() const noexcept { return size > 0; }
};

/// How a shell or command ended.
struct exit_status {
    /// −1 if a signal ended it.
    std::int64_t code = -1;
    std::string signal;
};

/// A shell or command that runs.
class shell {
public:
    explicit shell(detail::handle<jump_shell> handle) : handle_(std::move(handle)) {}
    result<piece> read(std::uint8_t *buffer, std::size_t capacity, milliseconds timeout = for_ever) const {
        piece read;
        auto status = detail::done([&](auto error) {
            return jump_shell_read(handle_.get(), timeout.count(), buffer, capacity, &read.size, &read.whose, error);
        });
        if (!status) return status.error();
        return read;
    }
    result<void> write(bytes_view data) const {
        return detail::done(
            [&](auto error) { return jump_shell_write(handle_.get(), data.data(), data.size(), error); });
    }
    result<void> finish() const {
        return detail::done([&](auto error) { return jump_shell_finish(handle_.get(), error); });
    }
    result<void> resize(std::uint32_t columns, std::uint32_t rows) const {
        return detail::done([&](auto error) { return jump_shell_resize(handle_.get(), columns, rows, error); });
    }
    result<void> signal(std::string_view name) const {
        const detail::c_text text(name);
        return detail::done([&](auto error) { return jump_shell_signal(handle_.get(), text, error); });
    }
    result<exit_status> exit() const {
        exit_status exit;
        const char *signal = nullptr;
        auto status = detail::done(
            [&](auto error) { return jump_shell_exit(handle_.get(), &exit.code, &signal, error); });
        if (!status) return status.error();
        exit.signal = detail::view(signal);
        return exit;
    }
    std::uint64_t request_id() const noexcept { return jump_shell_request_id(handle_.get()); }

private:
    detail::handle<jump_shell> handle_;
};

/// A stream of bytes.
class stream {
public:
    explicit stream(detail::handle<jump_stream> handle) : handle_(std::move(handle)) {}
    /// How many bytes; 0 is the end.
    result<std::size_t> read(std::uint8_t *buffer, std::size_t capacity, milliseconds timeout = for_ever) const {
        std::size_t size = 0;
        auto status = detail::done([&](auto error) {
            return jump_stream_read(handle_.get(), timeout.count(), buffer, capacity, &size, error);
        });
        if (!status) return status.error();
        return size;
    }
    result<void> write(bytes_view data) const {
        return detail::done(
            [&](auto error) { return jump_stream_write(handle_.get(), data.data(), data.size(), error); });
    }
    result<void> finish() const {
        return detail::done([&](auto error) { return jump_stream_finish(handle_.get(), error); });
    }
    std::uint64_t request_id() const noexcept { return jump_stream_request_id(handle_.get()); }

private:
    detail::handle<jump_stream> handle_;
};

/// Local ports that lead into a tunnel session.
class listener {
public:
    explicit listener(detail::handle<jump_listener> handle) : handle_(std::move(handle)) {}
    result<std::uint16_t> port(std::size_t index = 0) const {
        std::uint16_t port = 0;
        auto status =
            detail::done([&](auto error) { return jump_listener_port(handle_.get(), index, &port, error); });
        if (!status) return status.error();
        return port;
    }

private:
    detail::handle<jump_listener> handle_;
};

/// The picture, locked as long as this lives. Let it go soon.
class frame {
public:
    frame(detail::handle<jump_frame> handle, jump_frame_view view) : handle_(std::move(handle)), view_(view) {}
    std::uint32_t width() const noexcept { return view_.width; }
    std::uint32_t height() const noexcept { return view_.height; }
    std::size_t stride() const noexcept { return view_.stride; }
    /// A row's pixels: red, green, blue, alpha.
    bytes_view row(std::uint32_t y) const noexcept {
        if (y >= view_.height) return {};
        return {view_.pixels + y * view_.stride, std::size_t{view_.width} * 4};
    }

private:
    detail::handle<jump_frame> handle_;
    jump_frame_view view_;
};

/// What a command that ran to its end said.
struct output {
    buffer out;
    buffer err;
    std::int64_t code;
};

/// Told how far a transfer is: bytes so far, and in all (less than 0 if not known). Gives whether it goes on. May not throw.
using progress = std::function<bool(std::uint64_t done, std::int64_t total)>;

/// One Jump to one item.
class session {
public:
    explicit session(detail::handle<jump_session> handle) : handle_(std::move(handle)) {}

    jump_session_kind kind() const noexcept { return jump_session_kind_of(handle_.get()); }
    std::string_view id() const noexcept { return detail::view(jump_session_id(handle_.get())); }
    std::string_view grant_json() const noexcept { return detail::view(jump_session_grant_json(handle_.get())); }
    /// No event: there is none yet. JUMP_ERR_CLOSED: there will be none.
    result<std::optional<event>> next_event(milliseconds timeout = for_ever) const {
        return detail::next_event([&](auto out, auto error) {
            return jump_session_next_event(handle_.get(), timeout.count(), out, error);
        });
    }
    void interrupt() const noexcept { jump_session_interrupt(handle_.get()); }
    int wakeup_fd() const noexcept { return jump_session_wakeup_fd(handle_.get()); }
    result<void> close() const {
        return detail::done([&](auto error) { return jump_session_close(handle_.get(), error); });
    }

    result<output> run(std::string_view command) const {
        const detail::c_text text(command);
        jump_buf *out = nullptr, *err = nullptr;
        std::int64_t code = 0;
        auto status = detail::done(
            [&](auto error) { return jump_session_run(handle_.get(), text, &out, &err, &code, error); });
        if (!status) return status.error();
        return output{buffer(detail::handle<jump_buf>(out)), buffer(detail::handle<jump_buf>(err)), code};
    }
    result<jump::shell> exec(bytes_view command) const {
        return detail::make<jump::shell, jump_shell>([&](auto out, auto error) {
            return jump_shell_exec(handle_.get(), command.data(), command.size(), nullptr, 0, 0, out, error);
        });
    }
    result<jump::shell> shell(std::uint32_t columns, std::uint32_t rows, std::string_view terminal = {}) const {
        const detail::c_text text(terminal);
        return detail::make<jump::shell, jump_shell>([&](auto out, auto error) {
            return jump_shell_open(handle_.get(), text.or_null(), columns, rows, out, error);
        });
    }
    result<std::uint64_t> upload(std::string_view local, std::string_view remote, progress told = {}) const {
        return transfer(jump_session_upload, local, remote, std::move(told));
    }
    result<std::uint64_t> download(std::string_view remote, std::string_view local, progress told = {}) const {
        return transfer(jump_session_download, remote, local, std::move(told));
    }

    result<void> painted(milliseconds timeout = for_ever) const {
        return detail::done([&](auto error) { return jump_screen_painted(handle_.get(), timeout.count(), error); });
    }
    result<jump::frame> frame() const {
        jump_frame *made = nullptr;
        jump_frame_view view{};
        auto status = detail::done(
            [&](auto error) { return jump_screen_frame_acquire(handle_.get(), &made, &view, error); });
        if (!status) return status.error();
        return jump::frame(detail::handle<jump_frame>(made), view);
    }
    result<buffer> png() const {
        return detail::make<buffer, jump_buf>(
            [&](auto out, auto error) { return jump_screen_png(handle_.get(), out, error); });
    }
    result<void> key(std::uint32_t keysym, bool pressed) const {
        return detail::done([&](auto error) { return jump_screen_key(handle_.get(), keysym, pressed, error); });
    }
    result<void> type(std::string_view typed) const {
        const detail::c_text text(typed);
        return detail::done([&](auto error) { return jump_screen_type(handle_.get(), text, error); });
    }
    result<void> pointer(std::uint32_t x, std::uint32_t y, std::uint16_t buttons = 0) const {
        return detail::done([&](auto error) { return jump_screen_pointer(handle_.get(), x, y, buttons, error); });
    }
    result<void> scroll(std::int32_t right, std::int32_t down) const {
        return detail::done([&](auto error) { return jump_screen_scroll(handle_.get(), right, down, error); });
    }
    result<void> set_clipboard(std::string_view clipboard) const {
        const detail::c_text text(clipboard);
        return detail::done([&](auto error) { return jump_screen_set_clipboard(handle_.get(), text, error); });
    }
    result<void> resize(std::uint32_t width, std::uint32_t height) const {
        return detail::done([&](auto error) { return jump_screen_resize(handle_.get(), width, height, error); });
    }

    result<stream> open(std::string_view host, std::uint16_t port) const {
        const detail::c_text text(host);
        return detail::make<stream, jump_stream>(
            [&](auto out, auto error) { return jump_tunnel_open(handle_.get(), text, port, out, error); });
    }
    result<listener> listen(std::string_view options_json = {}) const {
        const detail::c_text options(options_json);
        return detail::make<listener, jump_listener>(
            [&](auto out, auto error) { return jump_tunnel_listen(handle_.get(), options.or_null(), out, error); });
    }
    const jump_session *get() const noexcept { return handle_.get(); }

private:
    template <class Call>
    result<std::uint64_t> transfer(Call call, std::string_view from, std::string_view to, progress told) const {
        const detail::c_text source(from), destination(to);
        std::uint64_t bytes = 0;
        const jump_progress_fn tell = [](void *userdata, std::uint64_t done, std::int64_t total) -> std::int32_t {
            return (*static_cast<progress *>(userdata))(done, total) ? 0 : 1;
        };
        auto status = detail::done([&](auto error) {
            return call(handle_.get(), source, destination, told ? tell : nullptr, &told, &bytes, error);
        });
        if (!status) return status.error();
        return bytes;
    }

    detail::handle<jump_session> handle_;
};

/// A connection to a broker on behalf of a login.
class rep {
public:
    explicit rep(detail::handle<jump_rep> handle) : handle_(std::move(handle)) {}
    static result<rep> connect(const context &context, const login &login) {
        return detail::make<rep, jump_rep>(
            [&](auto out, auto error) { return jump_rep_connect(context.get(), login.get(), out, error); });
    }
    /// With options: `{"local_jumps": {}}` has this process open the items itself that have no Jumpoint.
    static result<rep> connect(const context &context, const login &login, std::string_view options_json) {
        const detail::c_text options(options_json);
        return detail::make<rep, jump_rep>([&](auto out, auto error) {
            return jump_rep_connect_with(context.get(), login.get(), options.or_null(), out, error);
        });
    }
    std::string_view user() const noexcept { return detail::view(jump_rep_user(handle_.get())); }
    result<buffer> items(std::string_view query_json = {}) const {
        const detail::c_text query(query_json);
        return detail::make<buffer, jump_buf>(
            [&](auto out, auto error) { return jump_rep_items(handle_.get(), query.or_null(), out, error); });
    }
    result<buffer> request(std::string_view request_json) const { return ask(jump_rep_request, request_json); }
    result<buffer> why(std::string_view question_json) const { return ask(jump_why, question_json); }
    result<buffer> who(std::string_view question_json) const { return ask(jump_who, question_json); }
    result<buffer> what(std::string_view question_json) const { return ask(jump_what, question_json); }
    result<void> end_session(std::string_view id) const {
        const detail::c_text text(id);
        return detail::done([&](auto error) { return jump_rep_end_session(handle_.get(), text, error); });
    }
    result<session> open(std::string_view item, std::string_view options_json = {}) const {
        const detail::c_text name(item), options(options_json);
        return detail::make<session, jump_session>([&](auto out, auto error) {
            return jump_session_open(handle_.get(), name, options.or_null(), out, error);
        });
    }
    /// The same for an item that this process opens itself, with what logs in to its target.
    result<session> open_as(std::string_view item, std::string_view username, const secret &password,
                            std::string_view options_json = {}) const {
        const detail::c_text name(item), user(username), options(options_json);
        return detail::make<session, jump_session>([&](auto out, auto error) {
            return jump_session_open_as(handle_.get(), name, options.or_null(), user.or_null(), password.get(), out,
                                        error);
        });
    }
    /// Waits until the broker knows how the sessions ended that this process served itself; for ever unless a time is given.
    result<void> settle(milliseconds timeout = for_ever) const {
        return detail::done([&](auto error) { return jump_rep_settle(handle_.get(), timeout.count(), error); });
    }
    /// The raw stream of a session, for a client of another make.
    result<stream> open_raw(std::string_view item, std::string_view options_json = {}) const {
        const detail::c_text name(item), options(options_json);
        return detail::make<stream, jump_stream>([&](auto out, auto error) {
            return jump_rep_jump(handle_.get(), name, options.or_null(), out, error);
        });
    }
    const jump_rep *get() const noexcept { return handle_.get(); }

private:
    template <class Call> result<buffer> ask(Call call, std::string_view json) const {
        const detail::c_text text(json);
        return detail::make<buffer, jump_buf>(
            [&](auto out, auto error) { return call(handle_.get(), text, out, error); });
    }

    detail::handle<jump_rep> handle_;
};

/// A site as it stands at one moment.
class world {
public:
    explicit world(detail::handle<jump_world> handle) : handle_(std::move(handle)) {}
    static result<world> from(std::string_view changes_json) {
        const detail::c_text changes(changes_json);
        return detail::make<world, jump_world>(
            [&](auto out, auto error) { return jump_world_new(changes, out, error); });
    }
    result<buffer> decide(std::string_view question_json) const {
        const detail::c_text question(question_json);
        return detail::make<buffer, jump_buf>(
            [&](auto out, auto error) { return jump_decide(handle_.get(), question, out, error); });
    }

private:
    detail::handle<jump_world> handle_;
};

/// A broker in this program. What is plugged into it is plugged into its options, in C.
class broker {
public:
    explicit broker(detail::handle<jump_broker> handle) : handle_(std::move(handle)) {}
    static result<broker> start(const context &context, std::string_view options_json = {}) {
        const detail::c_text text(options_json);
        jump_broker_options *made = nullptr;
        auto status = detail::done([&](auto error) { return jump_broker_options_new(text.or_null(), &made, error); });
        if (!status) return status.error();
        const detail::handle<jump_broker_options> options(made);
        return start(context, options.get());
    }
    static result<broker> start(const context &context, const jump_broker_options *options) {
        return detail::make<broker, jump_broker>(
            [&](auto out, auto error) { return jump_broker_start(context.get(), options, out, error); });
    }
    std::string_view endpoint_json() const noexcept { return detail::view(jump_broker_endpoint_json(handle_.get())); }
    result<buffer> request(std::string_view request_json) const {
        const detail::c_text request(request_json);
        return detail::make<buffer, jump_buf>(
            [&](auto out, auto error) { return jump_broker_request(handle_.get(), request, out, error); });
    }
    result<jump::world> world() const {
        return detail::make<jump::world, jump_world>(
            [&](auto out, auto error) { return jump_broker_world(handle_.get(), out, error); });
    }
    result<std::optional<event>> next_event(milliseconds timeout = for_ever) const {
        return detail::next_event([&](auto out, auto error) {
            return jump_broker_next_event(handle_.get(), timeout.count(), out, error);
        });
    }
    result<void> stop() const {
        return detail::done([&](auto error) { return jump_broker_stop(handle_.get(), error); });
    }

private:
    detail::handle<jump_broker> handle_;
};

/// Who a Jumpoint is to its broker.
class jumpoint_identity {
public:
    explicit jumpoint_identity(detail::handle<jump_jumpoint_identity> handle) : handle_(std::move(handle)) {}
    static result<jumpoint_identity> load(std::string_view path) {
        const detail::c_text text(path);
        return detail::make<jumpoint_identity, jump_jumpoint_identity>(
            [&](auto out, auto error) { return jump_jumpoint_identity_load(text, out, error); });
    }
    static result<jumpoint_identity> enrol(const context &context, const secret &invitation) {
        return detail::make<jumpoint_identity, jump_jumpoint_identity>([&](auto out, auto error) {
            return jump_jumpoint_identity_enrol(context.get(), invitation.get(), out, error);
        });
    }
    result<void> save(std::string_view path) const {
        const detail::c_text text(path);
        return detail::done([&](auto error) { return jump_jumpoint_identity_save(handle_.get(), text, error); });
    }
    std::string_view name() const noexcept { return detail::view(jump_jumpoint_identity_name(handle_.get())); }
    const jump_jumpoint_identity *get() const noexcept { return handle_.get(); }

private:
    detail::handle<jump_jumpoint_identity> handle_;
};

/// A Jumpoint in this program.
class jumpoint {
public:
    explicit jumpoint(detail::handle<jump_jumpoint> handle) : handle_(std::move(handle)) {}
    static result<jumpoint> start(const context &context, const jumpoint_identity &identity,
                                  std::string_view options_json = {}) {
        const detail::c_text options(options_json);
        return detail::make<jumpoint, jump_jumpoint>([&](auto out, auto error) {
            return jump_jumpoint_start(context.get(), identity.get(), options.or_null(), out, error);
        });
    }
    result<buffer> sessions() const {
        return detail::make<buffer, jump_buf>(
            [&](auto out, auto error) { return jump_jumpoint_sessions(handle_.get(), out, error); });
    }
    result<std::optional<event>> next_event(milliseconds timeout = for_ever) const {
        return detail::next_event([&](auto out, auto error) {
            return jump_jumpoint_next_event(handle_.get(), timeout.count(), out, error);
        });
    }
    void stop() const noexcept { jump_jumpoint_stop(handle_.get()); }

private:
    detail::handle<jump_jumpoint> handle_;
};

} // namespace jump

#endif
