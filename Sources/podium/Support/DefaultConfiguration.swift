import Support

/// Which configuration is meant where none is named.
enum DefaultConfiguration {
    /// The one here.
    static let here = "config.yaml"
    /// The service's, where the packaged unit has it.
    static let service = "/etc/podium/config.yaml"

    /// `config.yaml`, or the service's where there is none here.
    static var path: String {
        access(here, F_OK) != 0 && access(service, F_OK) == 0 ? service : here
    }

    /// Whether there is a service's folder that this user may not look into.
    static var serviceIsHidden: Bool {
        access("/etc/podium", F_OK) == 0 && access("/etc/podium", X_OK) != 0
    }

    /// The same for a program that would serve it: what the service serves already can be attached to, but a service that is
    /// stopped is not started in passing.
    static var pathToServe: String {
        path == service && LockHolder.pid(config: service) == nil ? here : path
    }
}
