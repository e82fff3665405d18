# shellcheck shell=sh
# Scripts that write the project's addresses into parcels source this file. The addresses
# are placeholders (nobody can own a name that ends in .example): set them before the first
# release. No other file in packaging/ contains an address of the project.
project_home=https://clawtray.example/clawtray
# The address of a released file is $project_files/vVERSION/NAME.
project_files=$project_home/releases/download
project_maintainer='The clawtray authors <clawtray@users.noreply.github.com>'
export project_home project_files project_maintainer
